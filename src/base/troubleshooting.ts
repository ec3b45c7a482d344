/** Where the entry of an anchor in docs/troubleshooting.md is on the web. */
export function troubleshootingLink(anchor: string): string {
  return `https://github.com/org/aws-role-refresh/blob/main/docs/troubleshooting.md#${anchor}`;
}
