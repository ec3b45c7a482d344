import { describe, expect, test } from "@jest/globals";
import { decodeClaims, timeClaim } from "../../src/base/jwt.ts";

const encode = (text: string | Buffer): string => Buffer.from(text).toString("base64url");
/** A token made on the spot, with this text as its payload. */
const token = (payload: string | Buffer): string =>
  `${encode('{"alg":"none"}')}.${encode(payload)}.${encode("signature")}`;

describe("decodeClaims", () => {
  test("reads the payload, also beyond ASCII", () => {
    expect(decodeClaims(token('{"sub":"repo:octo-org/añb:ref:refs/heads/ünï/✓","exp":1}'))).toEqual({
      sub: "repo:octo-org/añb:ref:refs/heads/ünï/✓",
      exp: 1,
    });
  });

  test.each([
    ["nothing", ""],
    ["one segment", encode("{}")],
    ["two segments", `${encode("{}")}.${encode("{}")}`],
    ["four segments", `${token("{}")}.x`],
    ["an empty payload", `${encode("{}")}..${encode("x")}`],
    ["an empty signature", `${encode("{}")}.${encode("{}")}.`],
    ["a payload that is not JSON", token("exp=1")],
    ["a payload cut short", token('{"exp":1')],
    ["a number", token("1")],
    ["null", token("null")],
    ["a list", token('[{"exp":1}]')],
    ["a line break after it", `${token("{}")}\n`],
    ["a line break before it", `\n${token("{}")}`],
    ["a line break inside", token("{}").replace(".", ".\n")],
    ["a space", `${token("{}")} `],
    ["padding", `${token("{}")}=`],
    ["plain base64", token('{"a":"???>>>"}').replaceAll("-", "+").replaceAll("_", "/").concat("+")],
  ])("is undefined for %s", (_, text) => {
    expect(decodeClaims(text)).toBeUndefined();
  });
});

describe("timeClaim", () => {
  test("is in milliseconds", () => {
    expect(timeClaim({ exp: 1_800_000_000 }, "exp")).toBe(1_800_000_000_000);
    expect(timeClaim({ iat: 1.5 }, "iat")).toBe(1_500);
  });

  test.each([
    ["missing", {}],
    ["a string", { exp: "1800000000" }],
    ["null", { exp: null }],
    ["zero", { exp: 0 }],
    ["negative", { exp: -1 }],
    ["infinite", { exp: Number.POSITIVE_INFINITY }],
    ["not a number", { exp: Number.NaN }],
    ["an object", { exp: {} }],
  ])("is undefined when %s", (_, claims) => {
    expect(timeClaim(claims, "exp")).toBeUndefined();
  });

  test("is undefined without claims", () => {
    expect(timeClaim(undefined, "exp")).toBeUndefined();
  });
});
