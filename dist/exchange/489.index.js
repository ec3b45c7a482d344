export const id = 489;
export const ids = [489];
export const modules = {

/***/ 489:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   fromLoginCredentials: () => (/* binding */ leftOut),
/* harmony export */   fromSSO: () => (/* binding */ leftOut),
/* harmony export */   getDefaultRoleAssumer: () => (/* binding */ leftOut)
/* harmony export */ });
// Sources of credentials that a job cannot use, since a person has to log in (IAM Identity Center, `aws login`), and the SDK's own requests
// for roles, which src/exchange.ts makes. In the bundles this file takes the place of their packages (tsconfig.json beside it).
function leftOut() {
  throw new Error(
    "a profile that a person has to log in for (sso_session, login_session) cannot be the source of a role in a job",
  );
}




/***/ })

};
