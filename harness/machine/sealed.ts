/**
 * Contents of a file that tell whether they are whole: each is different, of another length, and ends in a
 * hash of itself.
 */
import { createHash } from "node:crypto";

export function sealed(number: number): string {
  const body = `${number}.${String.fromCharCode(97 + (number % 26)).repeat(200 + ((number * 37) % 4000))}`;
  return `${body}.${seal(body)}`;
}

export function isWhole(content: string): boolean {
  const dot = content.lastIndexOf(".");
  return dot > 0 && content.slice(dot + 1) === seal(content.slice(0, dot));
}

function seal(body: string): string {
  return createHash("sha256").update(body).digest("base64url");
}
