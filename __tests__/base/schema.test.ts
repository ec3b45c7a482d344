import { describe, expect, test } from "@jest/globals";
import {
  amount,
  boolean,
  dictionary,
  list,
  nullable,
  object,
  oneOf,
  optional,
  positive,
  type Schema,
  text,
} from "../../src/base/schema.ts";

const person = object<{ id: string; age?: number }>({ id: text(/^[0-9a-f]{1,4}$/), age: optional(amount) });

const CASES: [string, Schema<unknown>, good: unknown[], bad: unknown[]][] = [
  [
    "text",
    text(/^[0-9a-f]{1,4}$/),
    ["a", "0f0f"],
    ["", "g", "../a", "a\n", "00000", 1, null, undefined, ["a"]],
  ],
  ["oneOf", oneOf("x", "y"), ["x", "y"], ["z", "", null, ["x"]]],
  ["amount", amount, [0, 1.5, 1e300], [-1, Number.NaN, Number.POSITIVE_INFINITY, "1", null, undefined, []]],
  ["positive", positive, [1, 4194304], [0, -1, 1.5, 2 ** 53, "1", "../../fifo", Number.NaN, null, [1]]],
  ["boolean", boolean, [true, false], [0, "true", null, undefined]],
  ["nullable", nullable(positive), [null, 1], [undefined, 0]],
  ["list", list(positive, 2), [[], [1, 2]], [[0], [1, 2, 3], { length: 0 }, "", null]],
  ["dictionary", dictionary(/^[A-Z]+$/, positive), [{}, { A: 1 }], [{ a: 1 }, { A: 0 }, [], null, "A"]],
  [
    "object",
    person,
    [{ id: "a" }, { id: "a", age: 1 }],
    [{}, { id: "g" }, { id: "a", age: "1" }, [], null, "a"],
  ],
];

describe.each(CASES)("%s", (_, schema, good, bad) => {
  test.each(good.map((value) => [value]))("accepts %j", (value) => {
    expect(schema(value)).toEqual(value);
  });
  test.each(bad.map((value) => [value]))("refuses %j", (value) => {
    expect(() => schema(value)).toThrow();
  });
});

test("an object keeps nothing that the schema does not name, and takes nothing from a prototype", () => {
  expect(person(JSON.parse('{"id":"a","more":1,"__proto__":{"age":2}}'))).toEqual({ id: "a" });
  expect(() => object<{ toString: string }>({ toString: text(/./) })({})).toThrow();
});
