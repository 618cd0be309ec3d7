// The SDK under test, and what the programs here share.
//
// It is installed under `target/`, where no import from this directory would look for it.

import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.HOSTLER_JS_ENV, "package.json"));

export const sagemaker = require("@aws-sdk/client-sagemaker");
export const runtime = require("@aws-sdk/client-sagemaker-runtime");

/** What `test_js.py` says of the server: role, image, URL of the model, rows and expected clusters. */
export const given = JSON.parse(process.env.HOSTLER_JS_GIVEN);

let made = 0;

/** A name that no other program of this run uses. */
export function fresh(prefix) {
  made += 1;
  return `js-${process.pid}-${prefix}-${made}`;
}

/** Short ways to make things with one client. */
export class Hosting {
  constructor(client) {
    this.client = client;
  }

  async model({ image = given.kmeansImage, url = given.modelUrl } = {}) {
    const ModelName = fresh("model");
    const PrimaryContainer = { Image: image, ...(url === null ? {} : { ModelDataUrl: url }) };
    const input = { ModelName, ExecutionRoleArn: given.role, PrimaryContainer };
    await this.client.send(new sagemaker.CreateModelCommand(input));
    return ModelName;
  }

  /** A model run by the test model under one of the names that the harness maps. */
  testModel(name) {
    return this.model({ image: `models.example/conformance-${name}:1`, url: null });
  }

  async config(ModelName, more = {}) {
    const EndpointConfigName = fresh("config");
    const variant = {
      VariantName: "AllTraffic",
      ModelName,
      InitialInstanceCount: 1,
      InstanceType: "ml.m5.large",
      InitialVariantWeight: 1,
      ...more,
    };
    const input = { EndpointConfigName, ProductionVariants: [variant] };
    await this.client.send(new sagemaker.CreateEndpointConfigCommand(input));
    return EndpointConfigName;
  }

  async endpoint(EndpointConfigName, more = {}) {
    const EndpointName = fresh("Endpoint");
    await this.client.send(new sagemaker.CreateEndpointCommand({ EndpointName, EndpointConfigName, ...more }));
    return EndpointName;
  }

  describe(EndpointName) {
    return this.client.send(new sagemaker.DescribeEndpointCommand({ EndpointName }));
  }

  /** With the waiter's own delays. */
  inService(EndpointName) {
    return sagemaker.waitUntilEndpointInService({ client: this.client, maxWaitTime: 60 }, { EndpointName });
  }

  async delete(EndpointName) {
    await this.client.send(new sagemaker.DeleteEndpointCommand({ EndpointName }));
    // Deleting lasts longer than DescribeEndpoint holds an answer, so the default of 30 s is not waited for.
    const waiter = { client: this.client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 };
    return sagemaker.waitUntilEndpointDeleted(waiter, { EndpointName });
  }
}

/** Every item of a paginator. */
export async function all(pages, member) {
  const found = [];
  for await (const page of pages) {
    found.push(...page[member]);
  }
  return found;
}
