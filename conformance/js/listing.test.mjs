// Lists and their paginators.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Hosting, all, sagemaker } from "./sdk.mjs";

const client = new sagemaker.SageMakerClient({});
const hosting = new Hosting(client);
const models = [];
const configs = [];

before(async () => {
  for (let count = 0; count < 5; count += 1) {
    models.push(await hosting.testModel("plain"));
    configs.push(await hosting.config(models[count]));
  }
});

after(async () => {
  for (const EndpointConfigName of configs) {
    await client.send(new sagemaker.DeleteEndpointConfigCommand({ EndpointConfigName }));
  }
  for (const ModelName of models) {
    await client.send(new sagemaker.DeleteModelCommand({ ModelName }));
  }
});

/** New each time: a paginator writes its token into what it is given. */
const ours = () => ({ NameContains: `js-${process.pid}-`, SortBy: "Name", SortOrder: "Ascending" });

test("a paginator finds every model once, two to a page", async () => {
  const pages = [];
  for await (const page of sagemaker.paginateListModels({ client, pageSize: 2 }, ours())) {
    pages.push(page.Models.map((entry) => entry.ModelName));
  }
  assert.deepEqual(pages.map((page) => page.length), [2, 2, 1]);
  assert.deepEqual(pages.flat(), [...models].sort());
});

test("a paginator finds every endpoint config, with its time as a date", async () => {
  const found = await all(sagemaker.paginateListEndpointConfigs({ client, pageSize: 3 }, ours()), "EndpointConfigs");
  assert.deepEqual(found.map((entry) => entry.EndpointConfigName), [...configs].sort());
  assert.ok(found.every((entry) => entry.CreationTime instanceof Date));
});

test("a list is filtered by a date", async () => {
  const CreationTimeAfter = new Date(Date.now() + 60 * 60 * 1000);
  const later = await client.send(new sagemaker.ListModelsCommand({ ...ours(), CreationTimeAfter }));
  assert.deepEqual(later.Models, []);
});

test("endpoints are listed with their status, and gone when they are deleted", async () => {
  const name = await hosting.endpoint(configs[0]);
  await hosting.inService(name);
  const pages = () => sagemaker.paginateListEndpoints({ client, pageSize: 1 }, { ...ours(), StatusEquals: "InService" });
  const found = await all(pages(), "Endpoints");
  assert.deepEqual(found.map((entry) => [entry.EndpointName, entry.EndpointStatus]), [[name, "InService"]]);
  await hosting.delete(name);
  assert.deepEqual(await all(pages(), "Endpoints"), []);
});

test("all fifty tags of a resource come through the paginator", async () => {
  const { ModelArn: ResourceArn } = await client.send(new sagemaker.DescribeModelCommand({ ModelName: models[0] }));
  const Tags = Array.from({ length: 50 }, (_, index) => ({ Key: `key-${index}`, Value: "x" }));
  await client.send(new sagemaker.AddTagsCommand({ ResourceArn, Tags }));
  const found = await all(sagemaker.paginateListTags({ client, pageSize: 50 }, { ResourceArn }), "Tags");
  assert.deepEqual(found.map((tag) => tag.Key).sort(), Tags.map((tag) => tag.Key).sort());
});
