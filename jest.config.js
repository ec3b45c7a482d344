export default {
  testEnvironment: "node",
  roots: ["<rootDir>/__tests__"],
  // `npm run test:windows` runs those of Windows, with what they need.
  testMatch: ["**/*.test.ts", ...(process.env.WINDOWS_LANE ? [] : ["!**/__tests__/windows/**"])],
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      { jsc: { parser: { syntax: "typescript" }, target: "es2022" }, module: { type: "es6" } },
    ],
  },
  testTimeout: 60_000,
  // Jest leaves a core idle unless told: on two, all tests would wait for each other.
  maxWorkers: "100%",
  // Else jest leaves a folder in the temporary directory of the machine.
  cacheDirectory: "<rootDir>/.cache/jest",
  reporters: ["default", "<rootDir>/scripts/jest-reporter.mjs"],
};
