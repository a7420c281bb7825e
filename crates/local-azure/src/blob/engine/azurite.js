// Runs Azurite's blob service behind the local Azure: `node -e THIS -- PACKAGE_DIR OPTIONS…`.
//
// It ends with its standard input, so it never outlives the process that started it. Azurite
// reads its accounts at start only; who may use which account is decided in front of it, so
// here every account exists, with the one key that the environment gives.
const [dir] = process.argv.splice(1, 1, "azurite-blob");
process.stdin.on("end", () => process.exit(0)).resume();
const accounts = require(`${dir}/dist/src/common/AccountDataStore.js`).default;
const key1 = Buffer.from(process.env.AZURITE_KEY, "base64");
accounts.prototype.getAccount = (name) => ({ name, key1 });
require(`${dir}/dist/src/blob/main.js`);
