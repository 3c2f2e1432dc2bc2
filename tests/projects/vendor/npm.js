// Puts a package and all that it needs into vendor/, as archives, with the lock file that says so: what a project has
// that takes nothing from a registry. The packages are Debian's own.
const { execFileSync } = require("child_process");
const crypto = require("crypto");
const fs = require("fs");

const FOLDERS = ["/usr/share/nodejs", "/usr/lib/nodejs", "/usr/lib/x86_64-linux-gnu/nodejs"];
const [wanted] = process.argv.slice(2);
const folder = (name) => FOLDERS.map((one) => `${one}/${name}`).find(fs.existsSync);
const manifest = (name) => JSON.parse(fs.readFileSync(`${folder(name)}/package.json`));

const all = new Set([wanted]);
for (const name of all) Object.keys(manifest(name).dependencies || {}).forEach((one) => all.add(one));

fs.mkdirSync("vendor", { recursive: true });
const packages = {};
for (const name of [...all].sort()) {
  // Debian tests its packages with each other, whatever versions they once asked for.
  const { scripts, devDependencies, ...known } = manifest(name);
  const dependencies = {};
  for (const one of Object.keys(known.dependencies || {})) dependencies[one] = manifest(one).version;
  const made = fs.mkdtempSync("/tmp/package-");
  execFileSync("cp", ["-rL", folder(name), `${made}/package`]);
  fs.writeFileSync(`${made}/package/package.json`, JSON.stringify({ ...known, dependencies }));
  const archive = `vendor/${name.replace("/", "-")}-${known.version}.tgz`;
  execFileSync("tar", ["-C", made, "-czf", archive, "package"]);
  const hash = crypto.createHash("sha512").update(fs.readFileSync(archive)).digest("base64");
  packages[`node_modules/${name}`] = {
    version: known.version,
    resolved: `file:${archive}`,
    integrity: `sha512-${hash}`,
    dependencies,
  };
}
const project = JSON.parse(fs.readFileSync("package.json"));
project.dependencies = { [wanted]: packages[`node_modules/${wanted}`].resolved };
fs.writeFileSync("package.json", JSON.stringify(project, null, 2));
const { name, version, dependencies } = project;
const lock = { name, version, lockfileVersion: 3, packages: { "": { name, version, dependencies }, ...packages } };
fs.writeFileSync("package-lock.json", JSON.stringify(lock, null, 2));
