// Makes tests/event_stream/vectors.json: messages by Smithy's codec, which shares no code with Hostler.
//
// Run it beside a node_modules with @smithy/eventstream-codec and @smithy/util-utf8 (made with 4.5.2):
//   node event_stream.mjs, then python event_stream.py, which has botocore read the same messages.
//
// Values are [type, what]: numbers as text, bytes and UUIDs as hexadecimal digits.

import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.cwd(), "package.json"));
const { EventStreamCodec, Int64 } = require("@smithy/eventstream-codec");
const { fromUtf8, toUtf8 } = require("@smithy/util-utf8");

const codec = new EventStreamCodec(toUtf8, fromUtf8);
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (value) => Buffer.from(value).toString("hex");
const uuid = (digits) => digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");

const value = {
  bool: (text) => ({ type: "boolean", value: text === "true" }),
  byte: (text) => ({ type: "byte", value: Number(text) }),
  short: (text) => ({ type: "short", value: Number(text) }),
  int: (text) => ({ type: "integer", value: Number(text) }),
  long: (text) => ({ type: "long", value: int64(text) }),
  bytes: (text) => ({ type: "binary", value: bytes(text) }),
  text: (text) => ({ type: "string", value: text }),
  timestamp: (text) => ({ type: "timestamp", value: new Date(Number(text)) }),
  uuid: (text) => ({ type: "uuid", value: uuid(text) }),
};

/** Int64.fromNumber goes by way of a double, which has not every number. */
function int64(text) {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64BE(BigInt(text));
  return new Int64(Uint8Array.from(buffer));
}

const part = [
  [":message-type", ["text", "event"]],
  [":event-type", ["text", "PayloadPart"]],
  [":content-type", ["text", "application/octet-stream"]],
];
const exception = (kind) => [
  [":message-type", ["text", "exception"]],
  [":exception-type", ["text", kind]],
  [":content-type", ["text", "application/json"]],
];
const everyByte = Uint8Array.from({ length: 256 }, (_, index) => index);

const cases = {
  "nothing at all": [[], ""],
  "a payload alone": [[], hex(everyByte)],
  "headers alone": [[["name", ["text", "value"]]], ""],
  "a part": [part, hex(Buffer.from('{"token": "Grüße"}\n'))],
  "a part of every byte": [part, hex(everyByte)],
  "a part of 5000 bytes": [part, hex(Uint8Array.from({ length: 5000 }, (_, index) => (index * 7) % 251))],
  "a stream broken": [exception("ModelStreamError"), hex(Buffer.from('{"ErrorCode":"StreamBroken","Message":"gone"}'))],
  "an internal failure": [exception("InternalStreamFailure"), hex(Buffer.from('{"Message":"gone"}'))],
  "every type": [
    [
      ["true", ["bool", "true"]],
      ["false", ["bool", "false"]],
      ["byte", ["byte", "-128"]],
      ["short", ["short", "-32768"]],
      ["int", ["int", "-2147483648"]],
      ["long", ["long", "-9223372036854775808"]],
      ["bytes", ["bytes", hex(everyByte)]],
      ["text", ["text", "Straße ☃ 🦀"]],
      ["timestamp", ["timestamp", "1767323045678"]],
      ["uuid", ["uuid", "00112233445566778899aabbccddeeff"]],
    ],
    "00",
  ],
  "the largest numbers": [
    [
      ["byte", ["byte", "127"]],
      ["short", ["short", "32767"]],
      ["int", ["int", "2147483647"]],
      ["long", ["long", "9223372036854775807"]],
    ],
    "",
  ],
  "empty values": [
    [
      ["bytes", ["bytes", ""]],
      ["text", ["text", ""]],
      ["before 1970", ["timestamp", "-1"]],
    ],
    "",
  ],
  "the longest name": [[["n".repeat(127), ["text", "v".repeat(1000)]]], "ff"],
};

const made = Object.entries(cases).map(([name, [headers, payload]]) => {
  const written = Object.fromEntries(headers.map(([key, [type, what]]) => [key, value[type](what)]));
  const message = codec.encode({ headers: written, body: bytes(payload) });
  return { name, headers, payload, message: hex(message) };
});
const out = new URL("../event_stream/vectors.json", import.meta.url);
writeFileSync(out, `[\n${made.map((vector) => JSON.stringify(vector)).join(",\n")}\n]\n`);
console.log(`${made.length} vectors`);
