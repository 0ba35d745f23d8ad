/**
 * A rule of `deno lint`: the code of a program is fixed when it is compiled. A compiled program
 * imports, and runs in a thread, any file of the machine whatever its permissions are
 * (denoland/deno#18327), and what is made out of text can't be read before it runs. So it refuses:
 *  1. `import()` of anything but a literal,
 *  2. `Worker`, whose module is nearly always computed,
 *  3. `eval`,
 *  4. `Function`.
 *
 * 2 to 4 also as a property and under another name; as a type they are free.
 *
 * @module
 */

const REFUSED: ReadonlySet<string> = new Set(["Worker", "eval", "Function"]);
const HINT = "Import it by a literal name, so that it is compiled in";

type Identifier = Deno.lint.Identifier;

const plugin: Deno.lint.Plugin = {
  name: "baton",
  rules: {
    "fixed-code": {
      create(context) {
        const refuse = (node: Deno.lint.Node, what: string): void =>
          context.report({ node, message: `${what} runs code that was not compiled`, hint: HINT });
        return {
          ImportExpression(node) {
            if (node.source.type !== "Literal") refuse(node, "Computed import()");
          },
          Identifier(node) {
            if (REFUSED.has(node.name) && isValue(node)) refuse(node, node.name);
          },
          MemberExpression({ property }) {
            const name = property.type === "Literal" ? property.value : undefined;
            if (typeof name === "string" && REFUSED.has(name)) refuse(property, name);
          },
          ImportSpecifier({ imported, local }) {
            const name = imported.type === "Identifier" ? imported.name : imported.value;
            if (name !== local.name && REFUSED.has(String(name))) refuse(imported, String(name));
          },
        };
      },
    },
  },
};

/** Whether this is what it names: no type, no key, and no import that keeps the name. */
function isValue(node: Identifier): boolean {
  const parent = node.parent as Deno.lint.Node;
  switch (parent.type) {
    case "TSTypeReference":
    case "TSQualifiedName":
    case "TSTypeQuery":
    case "TSPropertySignature":
    case "TSMethodSignature":
    case "ImportSpecifier":
      return false;
    case "Property":
      return parent.value === node || parent.computed || parent.parent.type === "ObjectPattern";
    case "PropertyDefinition":
    case "MethodDefinition":
      return parent.computed || parent.key !== node;
    default:
      return true;
  }
}

export default plugin;
