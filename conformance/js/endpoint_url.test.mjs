// Finds the server by the environment alone; `test_js.py` runs it once for each way to say where it is.

import assert from "node:assert/strict";
import { test } from "node:test";

import { runtime, sagemaker } from "./sdk.mjs";

test("both clients reach the server", async () => {
  const client = new sagemaker.SageMakerClient({});
  const { Models } = await client.send(new sagemaker.ListModelsCommand({ NameContains: "nobody" }));
  assert.deepEqual(Models, []);
  const invoking = new runtime.SageMakerRuntimeClient({});
  const sending = invoking.send(new runtime.InvokeEndpointCommand({ EndpointName: "nobody", Body: "x" }));
  await assert.rejects(sending, (error) => error instanceof runtime.ValidationError);
});
