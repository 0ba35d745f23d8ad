/**
 * A rule of `deno lint`: the code of a program is fixed when it is compiled. A compiled program
 * imports, and runs in a thread, any file of the machine whatever its permissions are
 * (denoland/deno#18327), and what is made out of text can't be read before it runs. So it refuses:
 *  1. `import()` of anything but a literal,
 *  2. `Worker`, whose module is nearly always computed,
 *  3. `eval`,
 *  4. `Function`, and `WebAssembly`,
 *  5. what leads there by another way: `constructor`, the global object and `Deno` other than for one
 *     of their properties by name, `Deno.internal`, a timer with a text, modules of Node.js that run
 *     text, all of `node:worker_threads` at once, `import name = …`.
 *
 * 2 to 4 also as a property, however its name is written, and under another name; as a type they
 * are free. What is computed, as in `f[name]`, can't be seen here: of text V8 makes no code then, by
 * a flag of each program's (lib/roles.ts).
 *
 * @module
 */

const REFUSED: ReadonlySet<string> = new Set(["Worker", "eval", "Function", "WebAssembly"]);
/** As the name of a property, however that is written. */
const MEMBERS: ReadonlySet<string> = new Set([...REFUSED, "constructor", "getBuiltinModule"]);
/** These are asked for a property by name; else that may be any. */
const GLOBALS: ReadonlySet<string> = new Set(["globalThis", "self", "window", "global"]);
const TIMERS: ReadonlySet<string> = new Set(["setTimeout", "setInterval"]);
const MODULES = /^(node:)?(vm|module|repl|inspector|cluster|child_process|v8|wasi)(\/|$)/;
const THREADS = /^(node:)?worker_threads$/;
const HINT = "Import it by a literal name, so that it is compiled in";

type Identifier = Deno.lint.Identifier;
type Node = Deno.lint.Node;

const plugin: Deno.lint.Plugin = {
  name: "baton",
  rules: {
    "fixed-code": {
      create(context) {
        const refuse = (node: Node, what: string): void =>
          context.report({ node, message: `${what} runs code that was not compiled`, hint: HINT });
        const refuseModule = (source: Node | null | undefined, which = MODULES): void => {
          const name = source === null || source === undefined ? undefined : textOf(source);
          if (name !== undefined && which.test(name)) refuse(source!, name);
        };
        return {
          ImportExpression(node) {
            if (node.source.type !== "Literal") refuse(node, "Computed import()");
            refuseModule(node.source);
            refuseModule(node.source, THREADS);
          },
          ImportDeclaration({ source, specifiers }) {
            refuseModule(source);
            const all = specifiers.some(({ type }) => type !== "ImportSpecifier");
            if (all) refuseModule(source, THREADS);
          },
          TSImportEqualsDeclaration: (node) => refuse(node, "import ="),
          ExportNamedDeclaration: ({ source }) => refuseModule(source),
          ExportAllDeclaration({ source }) {
            refuseModule(source);
            refuseModule(source, THREADS);
          },
          Identifier(node) {
            if (REFUSED.has(node.name) && isValue(node)) refuse(node, node.name);
            if (GLOBALS.has(node.name) && isValue(node) && !isAskedByName(node)) {
              refuse(node, node.name);
            }
            if (node.name === "getBuiltinModule") refuse(node, node.name);
          },
          MemberExpression({ object, property, computed }) {
            const name = computed ? textOf(property) : (property as Identifier).name;
            const whole = nameOf(object);
            if (name === undefined) {
              if (whole === "Deno") refuse(property, "Any of Deno");
              return;
            }
            if (computed ? MEMBERS.has(name) : name === "constructor") refuse(property, name);
            if (whole === "Deno" && name === "internal") refuse(property, name);
            if (GLOBALS.has(whole!) && (GLOBALS.has(name) || name === "Deno")) {
              refuse(property, name);
            }
          },
          // Of a pattern, as in `const { "eval": run } = globalThis`.
          Property({ key, computed, parent }) {
            const name = key.type === "Identifier" && !computed ? undefined : textOf(key);
            const named = name ?? (computed ? undefined : (key as Identifier).name);
            if ((parent as Node).type !== "ObjectPattern" || named === undefined) return;
            if (name !== undefined ? MEMBERS.has(name) : named === "constructor") {
              refuse(key, named);
            }
          },
          CallExpression({ callee, arguments: [first, second] }) {
            const name = callee.type === "Identifier"
              ? callee.name
              : callee.type === "MemberExpression" && callee.property.type === "Identifier"
              ? callee.property.name
              : undefined;
            if (name === undefined || first === undefined) return;
            if (TIMERS.has(name) && isText(first)) refuse(first, `${name}() of a text`);
            // Reflect.get(x, "eval"), Object.getOwnPropertyDescriptor(x, "eval")
            const asked = second === undefined ? undefined : textOf(second);
            if (asked !== undefined && MEMBERS.has(asked)) refuse(second, asked);
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

/** Returns the text of an expression that consists of literals, and otherwise `undefined`. */
function textOf(node: Node): string | undefined {
  switch (node.type) {
    case "Literal":
      return typeof node.value === "string" ? node.value : undefined;
    case "TemplateLiteral":
      return node.expressions.length === 0 ? node.quasis[0].cooked : undefined;
    case "BinaryExpression": {
      if (node.operator !== "+") return undefined;
      const [left, right] = [textOf(node.left as Node), textOf(node.right)];
      return left === undefined || right === undefined ? undefined : left + right;
    }
    case "TSAsExpression":
    case "TSNonNullExpression":
    case "TSSatisfiesExpression":
      return textOf(node.expression);
    default:
      return undefined;
  }
}

/** What an expression is called, as in `Deno`, `(Deno as Site)`. */
function nameOf(node: Node): string | undefined {
  if (node.type === "Identifier") return node.name;
  return node.type === "TSAsExpression" || node.type === "TSNonNullExpression"
    ? nameOf(node.expression)
    : undefined;
}

/** Whether this can be seen to be a text. */
function isText(node: Node): boolean {
  return node.type === "TemplateLiteral" || textOf(node) !== undefined ||
    (node.type === "BinaryExpression" && node.operator === "+") ||
    ((node.type === "TSAsExpression" || node.type === "TSNonNullExpression") &&
      isText(node.expression));
}

/** Whether it stands in `globalThis.name` or `globalThis["name"]`, or is the name of a property. */
function isAskedByName(node: Identifier): boolean {
  let [asked, parent] = [node as Node, node.parent as Node];
  while (parent.type === "TSAsExpression") [asked, parent] = [parent, parent.parent as Node];
  if (parent.type !== "MemberExpression") return false;
  if (parent.object !== asked) return !parent.computed;
  return !parent.computed || textOf(parent.property) !== undefined;
}

/** Whether this is what it names: no type, no key, and no import that keeps the name. */
function isValue(node: Identifier): boolean {
  const parent = node.parent as Node;
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
      return parent.key !== node;
    default:
      return true;
  }
}

export default plugin;
