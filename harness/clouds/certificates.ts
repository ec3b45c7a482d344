/**
 * A certificate authority for one run, written with node:crypto and a few lines of DER: the tests need no
 * openssl on the machine and no package more. The certificates follow RFC 5280 as far as the strictest
 * clients check (Python 3.13, Go, Java: key identifiers, key usage, names in subjectAltName).
 */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

export interface Authority {
  /** The authority's own certificate, PEM. */
  certificate: string;
  /** A key and a certificate for a host name, PEM. */
  issue(host: string): { key: string; cert: string };
}

const HOUR_MS = 3_600_000;
/**
 * Wide enough for a client whose clock is off by hours, too short for the certificate to be of use to anybody
 * afterwards.
 */
const VALID_BEFORE_MS = 24 * HOUR_MS;
const VALID_AFTER_MS = 48 * HOUR_MS;

export function makeAuthority(): Authority {
  const name = `Clouds on loopback ${randomBytes(4).toString("hex")}`;
  const authority = { name, ...generateKeyPairSync("ec", { namedCurve: "prime256v1" }) };
  const certificate = pem(
    certify(authority, authority, [
      extension("2.5.29.19", CRITICAL, sequence(boolean(true), integer(Buffer.of(0)))),
      extension("2.5.29.15", CRITICAL, bitString(Buffer.of(KEY_CERT_SIGN | CRL_SIGN), 1)),
    ]),
  );
  return {
    certificate,
    issue: (host) => {
      const subject = { name: host, ...generateKeyPairSync("ec", { namedCurve: "prime256v1" }) };
      const cert = certify(subject, authority, [
        extension("2.5.29.19", CRITICAL, sequence()),
        extension("2.5.29.15", CRITICAL, bitString(Buffer.of(DIGITAL_SIGNATURE), 7)),
        extension("2.5.29.37", NOT_CRITICAL, sequence(objectId("1.3.6.1.5.5.7.3.1"))),
        extension("2.5.29.17", NOT_CRITICAL, sequence(element(DNS_NAME, Buffer.from(host, "ascii")))),
        extension(
          "2.5.29.35",
          NOT_CRITICAL,
          sequence(element(KEY_IDENTIFIER, keyIdentifier(authority.publicKey))),
        ),
      ]);
      return { key: subject.privateKey.export({ type: "pkcs8", format: "pem" }).toString(), cert: pem(cert) };
    },
  };
}

interface Party {
  name: string;
  publicKey: KeyObject;
  privateKey: KeyObject;
}

/** KeyUsage bits, in the one byte that they need. */
const DIGITAL_SIGNATURE = 0x80;
const KEY_CERT_SIGN = 0x04;
const CRL_SIGN = 0x02;

/** Context-specific tags: a GeneralName that is a dNSName, and AuthorityKeyIdentifier's keyIdentifier. */
const DNS_NAME = 0x82;
const KEY_IDENTIFIER = 0x80;

const CRITICAL = true;
const NOT_CRITICAL = false;

/** A version 3 certificate for the subject's key, signed by the issuer with ECDSA and SHA-256. */
function certify(subject: Omit<Party, "privateKey">, issuer: Party, extensions: Buffer[]): Buffer {
  const algorithm = sequence(objectId("1.2.840.10045.4.3.2"));
  // The first byte keeps the number positive and of full length.
  const serial = Buffer.concat([Buffer.of(0x40), randomBytes(15)]);
  const keyId = extension("2.5.29.14", NOT_CRITICAL, element(0x04, keyIdentifier(subject.publicKey)));
  const now = Date.now();
  const toSign = sequence(
    element(0xa0, integer(Buffer.of(2))),
    integer(serial),
    algorithm,
    distinguishedName(issuer.name),
    sequence(time(now - VALID_BEFORE_MS), time(now + VALID_AFTER_MS)),
    distinguishedName(subject.name),
    publicKeyInfo(subject.publicKey),
    element(0xa3, sequence(...extensions, keyId)),
  );
  return sequence(toSign, algorithm, bitString(sign("sha256", toSign, issuer.privateKey), 0));
}

function publicKeyInfo(key: KeyObject): Buffer {
  return key.export({ type: "spki", format: "der" });
}

function keyIdentifier(key: KeyObject): Buffer {
  return createHash("sha1").update(publicKeyInfo(key)).digest();
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(objectId(id), ...(critical ? [boolean(true)] : []), element(0x04, value));
}

function distinguishedName(commonName: string): Buffer {
  return sequence(element(0x31, sequence(objectId("2.5.4.3"), element(0x0c, Buffer.from(commonName)))));
}

function pem(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

// DER: an element is a tag, the length of its content, and the content.

function element(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  const size = length < 0x100 ? Buffer.of(0x81, length) : Buffer.of(0x82, length >> 8, length & 0xff);
  return Buffer.concat([Buffer.of(tag), size, content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return element(0x30, Buffer.concat(parts));
}

/** From big-endian bytes whose first bit is clear, that is a number not below zero. */
function integer(bytes: Buffer): Buffer {
  return element(0x02, bytes);
}

function boolean(value: boolean): Buffer {
  return element(0x01, Buffer.of(value ? 0xff : 0));
}

function bitString(bytes: Buffer, unusedBits: number): Buffer {
  return element(0x03, Buffer.concat([Buffer.of(unusedBits), bytes]));
}

function time(milliseconds: number): Buffer {
  return element(0x17, Buffer.from(new Date(milliseconds).toISOString().replace(/^..|\.\d+|[-:T]/g, "")));
}

/**
 * The first two numbers share a byte; each number is in base 128, with the high bit set on every byte but its
 * last.
 */
function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((number) => {
    const digits = [number & 0x7f];
    for (let left = number >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80);
    return digits;
  });
  return element(0x06, Buffer.from(bytes));
}
