// What Renovate's own readers find in the forms of docs/konflux.md. Run by validate, in the directory of node_modules.
import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';

const digest = `sha256:${'8'.repeat(64)}`;
const entry = (fields) => `images:\n  - name: quay.io/acme/web\n${fields}`;
const values = 'image:\n  repository: quay.io/acme/web\n  tag: released\n';
const pod = 'apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - image: quay.io/acme/web:released\n';

// The reader, a text, and the tag and digest that it finds, or why it skips the image.
const forms = [
  ['kubernetes', pod, ['released', undefined, undefined]],
  ['kustomize', entry('    newTag: released\n'), ['released', undefined, undefined]],
  ['kustomize', entry(`    newTag: released@${digest}\n`), ['released', digest, undefined]],
  ['kustomize', entry(`    newTag: released\n    digest: ${digest}\n`), ['released', digest, 'invalid-dependency-specification']],
  ['kustomize', entry(`    digest: ${digest}\n`), [undefined, digest, undefined]],
  ['helm-values', values, ['released', undefined, undefined]],
  ['helm-values', `${values}  digest: ${digest}\n`, ['released', undefined, undefined]],
];
for (const [manager, text, expected] of forms) {
  const path = `node_modules/renovate/dist/modules/manager/${manager}/extract.js`;
  const { extractPackageFile } = await import(pathToFileURL(path));
  const file = manager === 'kustomize' ? 'kustomization.yaml' : `${manager}.yaml`;
  const found = await extractPackageFile(text, file, {});
  const image = found.deps.find((one) => one.depName === 'quay.io/acme/web');
  assert.deepEqual([image.currentValue, image.currentDigest, image.skipReason], expected, text);
}
console.log(`${forms.length} forms are read as described`);
