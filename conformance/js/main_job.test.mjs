// The main job with clients that are told nothing: model, config, endpoint, waiters, answers, update, weights, tags.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Hosting, given, runtime, sagemaker } from "./sdk.mjs";

const client = new sagemaker.SageMakerClient({});
const invoking = new runtime.SageMakerRuntimeClient({});
const hosting = new Hosting(client);

async function invoke(input) {
  const answer = await invoking.send(new runtime.InvokeEndpointCommand(input));
  return { ...answer, text: Buffer.from(answer.Body).toString() };
}

const clusters = (text) => JSON.parse(text).predictions.map((row) => row.closest_cluster);

test("a model goes from its archive to answers, is updated, tagged and deleted", async () => {
  const model = await hosting.model();
  const first = await hosting.config(model);
  const EndpointName = await hosting.endpoint(first, { Tags: [{ Key: "team", Value: "vision" }] });
  assert.equal((await hosting.inService(EndpointName)).state, "SUCCESS");

  const seen = await hosting.describe(EndpointName);
  assert.equal(seen.EndpointStatus, "InService");
  assert.equal(seen.EndpointConfigName, first);
  assert.equal(seen.EndpointArn, `arn:aws:sagemaker:us-east-1:000000000000:endpoint/${EndpointName.toLowerCase()}`);
  assert.ok(seen.CreationTime instanceof Date);
  assert.ok(Math.abs(Date.now() - seen.CreationTime.getTime()) < 60 * 60 * 1000);
  assert.equal(seen.ProductionVariants[0].CurrentWeight, 1);
  const described = await client.send(new sagemaker.DescribeModelCommand({ ModelName: model }));
  assert.equal(described.PrimaryContainer.ModelDataUrl, given.modelUrl);
  const config = await client.send(new sagemaker.DescribeEndpointConfigCommand({ EndpointConfigName: first }));
  assert.equal(config.ProductionVariants[0].InstanceType, "ml.m5.large");

  const csv = await invoke({ EndpointName, ContentType: "text/csv", Body: given.rows.join("\n") });
  assert.equal(csv.ContentType, "application/json");
  assert.equal(csv.InvokedProductionVariant, "AllTraffic");
  assert.deepEqual(clusters(csv.text), given.clusters);
  const instances = given.rows.map((row) => ({ features: row.split(",").map(Number) }));
  const json = await invoke({
    EndpointName,
    ContentType: "application/json",
    Accept: "application/json",
    Body: JSON.stringify({ instances }),
  });
  assert.deepEqual(clusters(json.text), given.clusters);

  const second = await hosting.config(model);
  await client.send(new sagemaker.UpdateEndpointCommand({ EndpointName, EndpointConfigName: second }));
  await hosting.inService(EndpointName);
  assert.equal((await hosting.describe(EndpointName)).EndpointConfigName, second);

  const wanted = [{ VariantName: "AllTraffic", DesiredWeight: 0.25, DesiredInstanceCount: 2 }];
  await client.send(
    new sagemaker.UpdateEndpointWeightsAndCapacitiesCommand({
      EndpointName,
      DesiredWeightsAndCapacities: wanted,
    }),
  );
  await hosting.inService(EndpointName);
  const [variant] = (await hosting.describe(EndpointName)).ProductionVariants;
  assert.deepEqual([variant.CurrentWeight, variant.CurrentInstanceCount], [0.25, 2]);

  const ResourceArn = seen.EndpointArn;
  await client.send(new sagemaker.AddTagsCommand({ ResourceArn, Tags: [{ Key: "stage", Value: "test" }] }));
  await client.send(new sagemaker.DeleteTagsCommand({ ResourceArn, TagKeys: ["team"] }));
  const { Tags } = await client.send(new sagemaker.ListTagsCommand({ ResourceArn }));
  assert.deepEqual(Tags, [{ Key: "stage", Value: "test" }]);

  assert.equal((await hosting.delete(EndpointName)).state, "SUCCESS");
  for (const EndpointConfigName of [first, second]) {
    await client.send(new sagemaker.DeleteEndpointConfigCommand({ EndpointConfigName }));
  }
  await client.send(new sagemaker.DeleteModelCommand({ ModelName: model }));
});
