// A streamed answer as the SDK's async iterator gives it, and its exceptions as the SDK's classes.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Hosting, runtime, sagemaker } from "./sdk.mjs";

const invoking = new runtime.SageMakerRuntimeClient({});
const hosting = new Hosting(new sagemaker.SageMakerClient({}));
let EndpointName;

before(async () => {
  EndpointName = await hosting.endpoint(await hosting.config(await hosting.testModel("status")));
  await hosting.inService(EndpointName);
});

after(() => hosting.delete(EndpointName));

function stream(commands, more = {}) {
  const Body = JSON.stringify({ test: commands });
  return invoking.send(new runtime.InvokeEndpointWithResponseStreamCommand({ EndpointName, Body, ...more }));
}

test("every part arrives as it was", async () => {
  const answer = await stream({ events: 4, body: "tick", pause_ms: 20 });
  assert.equal(answer.ContentType, "text/event-stream");
  assert.equal(answer.InvokedProductionVariant, "AllTraffic");
  const parts = [];
  for await (const event of answer.Body) {
    assert.deepEqual(Object.keys(event), ["PayloadPart"]);
    parts.push(Buffer.from(event.PayloadPart.Bytes));
  }
  const expected = [0, 1, 2, 3].map((number) => `id: ${number}\ndata: tick\n\n`);
  assert.equal(Buffer.concat(parts).toString(), expected.join(""));
});

test("a large chunk arrives whole, in parts", async () => {
  const { Body } = await stream({ chunks: 1, body: "0123456789abcdef".repeat(20_000) });
  const parts = [];
  for await (const event of Body) {
    parts.push(Buffer.from(event.PayloadPart.Bytes));
  }
  assert.ok(parts.length > 1);
  assert.equal(Buffer.concat(parts).toString(), "0123456789abcdef".repeat(20_000));
});

test("a model that breaks off is ModelStreamError, by its class, after what came", async () => {
  const { Body } = await stream({ chunks: 2, body: "tick", close: true, at: 4 });
  const parts = [];
  const reading = async () => {
    for await (const event of Body) {
      parts.push(Buffer.from(event.PayloadPart.Bytes).toString());
    }
  };
  await assert.rejects(reading, (error) => {
    assert.ok(error instanceof runtime.ModelStreamError, `${error}`);
    assert.equal(error.ErrorCode, "StreamBroken");
    assert.match(error.message, /was closed before the end of its response/);
    return true;
  });
  assert.equal(parts.join(""), "tick");
});

test("what fails before the first byte is ModelError", async () => {
  await assert.rejects(stream({ status: 503, body: "out of order" }), (error) => {
    assert.ok(error instanceof runtime.ModelError);
    assert.equal(error.OriginalStatusCode, 503);
    assert.equal(error.OriginalMessage, "out of order");
    return true;
  });
});
