// @actions/core imports @actions/http-client for one function, getIDToken(), which this action does not call: it makes its own
// requests for ID tokens (src/base/id-token.ts), in the keeper as well, where nothing may print the token as getIDToken() does. The
// real client brings undici along, 97 % of core's bundle, for a method that core never reaches. package.json puts this file in its
// place ("overrides"), so that code which never runs is not beside a deployer's credentials. Whoever meets one of these errors
// has begun to use a part of the toolkit that needs the real client: remove the override and the devDependency.
const leftOut = () => {
  throw new Error("@actions/http-client is left out of this action: see stubs/http-client/index.js");
};

export class HttpClient {
  constructor() {
    leftOut();
  }
}

export class BearerCredentialHandler {
  constructor() {
    leftOut();
  }
}
