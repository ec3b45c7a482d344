import { expect, test } from "@jest/globals";
import { errorText } from "../../src/base/errors.ts";

test.each([
  [new Error("a\nb\u202ec"), "a b c"],
  [new TypeError(), "TypeError"],
  ["::error::x", ": :error::x"],
  [new Error("a ##[error]b"), "a ## [error]b"],
  [new Error(`a ${["eyJh", "eyJz", "c2ln"].join(".")} b`), "a (token) b"],
  [undefined, "undefined"],
  ["x".repeat(900), "x".repeat(500)],
])("errorText is one safe line, case %#", (thrown, text) => expect(errorText(thrown)).toBe(text));
