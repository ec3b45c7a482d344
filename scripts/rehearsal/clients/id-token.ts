/** Asks for an ID token the way any action may: with the request token of the job. */
export async function requestIdToken(audience: string): Promise<string> {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: requestToken } = process.env;
  const response = await fetch(`${url}&audience=${encodeURIComponent(audience)}`, {
    headers: { authorization: `Bearer ${requestToken}` },
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) throw new Error(`the ID token endpoint answered ${response.status}`);
  const { value } = (await response.json()) as { value: string };
  console.log(`::add-mask::${value}`);
  return value;
}
