// @actions/core imports @actions/http-client for getIDToken(), and that imports undici for one class, ProxyAgent, used in one
// method that core never calls. This action makes its own HTTP requests (src/id-token.ts) and does not call getIDToken() either,
// so the whole of undici, 97 % of core's bundle, would be code that never runs beside a deployer's credentials. package.json
// puts this file in its place ("overrides"); whoever reaches it has started to use a part of the toolkit that needs the real one.
export class ProxyAgent {
  constructor() {
    throw new Error("undici is left out of this action: remove the override in package.json to use @actions/http-client");
  }
}
