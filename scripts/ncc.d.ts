declare module "@vercel/ncc" {
  interface Options {
    license?: string;
    quiet?: boolean;
    cache?: boolean;
    minify?: boolean;
  }
  interface Bundle {
    code: string;
    assets: Record<string, { source: string | Buffer; permissions?: number }>;
  }
  export default function ncc(input: string, options?: Options): Promise<Bundle>;
}
