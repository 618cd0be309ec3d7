// Errors as the SDK's classes and names, with the members that the service models give them.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Hosting, fresh, runtime, sagemaker } from "./sdk.mjs";

const client = new sagemaker.SageMakerClient({});
const invoking = new runtime.SageMakerRuntimeClient({});
const hosting = new Hosting(client);
let EndpointName;

before(async () => {
  EndpointName = await hosting.endpoint(await hosting.config(await hosting.testModel("status")));
  await hosting.inService(EndpointName);
});

after(() => hosting.delete(EndpointName));

async function caught(sending) {
  try {
    await sending;
  } catch (error) {
    return error;
  }
  throw new Error("it was not refused");
}

test("what is not there is a ValidationException with AWS's text and the request's id", async () => {
  const error = await caught(hosting.describe("nobody"));
  assert.ok(error instanceof sagemaker.SageMakerServiceException);
  assert.equal(error.name, "ValidationException");
  assert.match(error.message, /^Could not find endpoint "arn:aws:sagemaker:us-east-1:000000000000:endpoint\/nobody"\.?$/);
  assert.equal(error.$fault, "client");
  assert.equal(error.$metadata.httpStatusCode, 400);
  assert.match(error.$metadata.requestId, /^[0-9a-f-]{36}$/);
  assert.equal(error.$metadata.attempts, 1);
});

test("a quota is ResourceLimitExceeded, by its class", async () => {
  const config = await hosting.config(await hosting.testModel("status"), { InstanceType: "ml.c5.large" });
  const error = await caught(hosting.endpoint(config));
  assert.ok(error instanceof sagemaker.ResourceLimitExceeded);
  assert.match(error.message, /^The account-level service limit 'ml\.c5\.large for endpoint usage' is 0 Instances/);
  assert.equal(error.$metadata.attempts, 1);
});

test("a model's own error is ModelError with what the model said", async () => {
  const input = { EndpointName, CustomAttributes: "test: status=418; body=short and stout", Body: "x" };
  const error = await caught(invoking.send(new runtime.InvokeEndpointCommand(input)));
  assert.ok(error instanceof runtime.ModelError);
  assert.equal(error.OriginalStatusCode, 418);
  assert.equal(error.OriginalMessage, "short and stout");
  assert.match(error.LogStreamArn, /^arn:aws:logs:us-east-1:000000000000:log-group:\/aws\/sagemaker\/Endpoints\//);
  assert.equal(error.$metadata.httpStatusCode, 424);
  assert.equal(error.$metadata.attempts, 1);
});

test("an endpoint that the runtime does not know is ValidationError, by its class", async () => {
  const input = { EndpointName: "nobody", Body: "x" };
  const error = await caught(invoking.send(new runtime.InvokeEndpointCommand(input)));
  assert.ok(error instanceof runtime.ValidationError);
  assert.match(error.message, /^Endpoint nobody of account 000000000000 not found\./);
});

test("a wrong secret is told as such and not tried again", async () => {
  const { accessKeyId } = await client.config.credentials();
  const credentials = { accessKeyId, secretAccessKey: "wrong" };
  const stranger = new sagemaker.SageMakerClient({ credentials });
  const error = await caught(stranger.send(new sagemaker.ListModelsCommand({})));
  assert.equal(error.name, "InvalidSignatureException");
  const invoker = new runtime.SageMakerRuntimeClient({ credentials });
  const refused = await caught(invoker.send(new runtime.InvokeEndpointCommand({ EndpointName, Body: "x" })));
  assert.equal(refused.name, "InvalidSignatureException");
  assert.equal(refused.$metadata.httpStatusCode, 403);
});

test("an endpoint that fails ends the waiter, which says why", async () => {
  const name = await hosting.endpoint(await hosting.config(await hosting.testModel("crash")));
  const waiter = { client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 };
  const error = await caught(sagemaker.waitUntilEndpointInService(waiter, { EndpointName: name }));
  assert.match(error.message, /FAILURE/);
  const { EndpointStatus, FailureReason } = await hosting.describe(name);
  assert.equal(EndpointStatus, "Failed");
  assert.ok(error.message.includes(JSON.stringify(FailureReason).slice(1, 60)), error.message);
  await hosting.delete(name);
});

test("members that AWS would refuse are refused in AWS's words", async () => {
  const input = { ModelName: `${fresh("model")}!`, ExecutionRoleArn: "arn:aws:iam::000000000000:role/any" };
  const error = await caught(client.send(new sagemaker.CreateModelCommand(input)));
  assert.equal(error.name, "ValidationException");
  assert.match(error.message, /^1 validation error detected: Value '.*!' at 'modelName' failed to satisfy constraint: /);
});
