//! Joins the modules of the interface into one script: a browser then asks once and compiles once.
//!
//! `build.rs` includes this file; here it is only tested. Each module becomes a function that is called when it is first
//! needed and returns its exports, so that names of modules never meet, and no line moves within its module:
//!
//! ```text
//! import { fill, h as make } from "./dom.js";      const { fill, h: make } = need("core/dom.js");
//! export function tell() {}                        function tell() {}
//! await import("../pages/home.js")                 await load("pages/home.js")
//!                                                  return { tell };
//! ```
//!
//! That is true to the language only of modules that keep to rules, so whatever else is refused, by file and line: imports and
//! exports begin a line, imports come first and name what they take from a relative path, exports are declarations that never
//! change, and modules don't need each other in a circle.

use std::{collections::BTreeMap, fmt::Write as _};

/// Runs modules. What was needed once is kept, as a browser does; a page that is imported is asked for as a promise.
const RUNNER: &str = "const known = {};
const need = (path) => (known[path] ??= modules[path]());
const load = async (path) => need(path);
";

/// The declarations that may be exported.
const DECLARATIONS: &[&str] = &["const ", "function ", "async function ", "class "];

/// A module, rewritten as the inside of a function.
struct Module {
    inside: String,
    /// The modules that it imports before it runs, and the names that it takes from each.
    needs: Vec<(String, Vec<String>)>,
    exports: Vec<String>,
}

/// Joins `sources`, by path below `ui/`, into one script that runs the module `entry`.
pub(crate) fn join(sources: &BTreeMap<String, String>, entry: &str) -> Result<String, String> {
    let mut modules = BTreeMap::new();
    for (path, source) in sources {
        modules.insert(path.as_str(), rewrite(path, source, sources)?);
    }
    for (path, module) in &modules {
        for (needed, names) in &module.needs {
            let exports = modules.get(needed.as_str()).map_or(&[][..], |needed| &needed.exports);
            if let Some(name) = names.iter().find(|name| !exports.contains(name)) {
                return Err(format!("ui/{path} takes {name} from ui/{needed}, which doesn't export it"));
            }
        }
    }
    let mut at_start = Vec::new();
    visit(entry, &modules, &mut Vec::new(), &mut at_start)?;
    for path in modules.keys() {
        visit(path, &modules, &mut Vec::new(), &mut Vec::new())?;
    }
    let mut out = String::from("const modules = {\n");
    for (path, module) in &modules {
        // A function in parentheses is compiled at once, the others when they are called.
        let (open, close) = if at_start.contains(path) { ("(", ")") } else { ("", "") };
        let _ = write!(out, "{path:?}: {open}function () {{\n{}}}{close},\n", module.inside);
    }
    let _ = write!(out, "}};\n{RUNNER}need({entry:?});\n");
    Ok(out)
}

/// Lists a module and all that it needs in `seen`; an error names a circle.
fn visit<'a>(
    path: &'a str,
    modules: &'a BTreeMap<&str, Module>,
    above: &mut Vec<&'a str>,
    seen: &mut Vec<&'a str>,
) -> Result<(), String> {
    if above.contains(&path) {
        return Err(format!("ui/{path} needs itself, by way of {}", above.join(", ")));
    }
    if seen.contains(&path) {
        return Ok(());
    }
    seen.push(path);
    above.push(path);
    for (needed, _) in modules.get(path).map_or(&[][..], |module| &module.needs) {
        visit(needed, modules, above, seen)?;
    }
    above.pop();
    Ok(())
}

fn rewrite(path: &str, source: &str, sources: &BTreeMap<String, String>) -> Result<Module, String> {
    let (mut inside, mut needs, mut exports) = (String::with_capacity(source.len()), Vec::new(), Vec::new());
    let (mut in_import, mut taken, mut begun) = (false, String::new(), false);
    for (number, line) in source.lines().enumerate() {
        let refuse = |what: &str| format!("ui/{path}:{}: {what}: {line}", number + 1);
        let found = |relative: &str| {
            let found = resolve(path, relative).filter(|found| sources.contains_key(found));
            found.ok_or_else(|| refuse("expected the relative path of a module"))
        };
        let mut line = line.to_owned();
        if line.starts_with("import") && !line.starts_with("import(") {
            let names = line.strip_prefix("import {").ok_or_else(|| refuse("expected import { names } from"))?;
            if begun {
                return Err(refuse("expected imports before all else"));
            }
            line = format!("const {{{names}");
            taken.clear();
            in_import = true;
        }
        if in_import {
            let (names, from) = line.split_once("} from ").map_or((&*line, None), |(names, from)| (names, Some(from)));
            taken += names.trim_start_matches("const {");
            let names = names.replace(" as ", ": ");
            if let Some(from) = from {
                let relative = from.strip_prefix('"').and_then(|from| from.strip_suffix("\";"));
                let needed = found(relative.ok_or_else(|| refuse("expected a path in quotes and a semicolon"))?)?;
                line = format!("{names}}} = need({needed:?});");
                let names = taken.split(',').filter_map(|name| name.split_whitespace().next());
                needs.push((needed, names.map(str::to_owned).collect()));
                in_import = false;
            } else if names.contains(';') {
                return Err(refuse("expected import { names } from"));
            } else {
                line = names;
            }
        } else if line.starts_with("export") {
            let declared = line.strip_prefix("export ").unwrap_or_default();
            let name = DECLARATIONS.iter().find_map(|kind| declared.strip_prefix(kind));
            let name: String = name
                .unwrap_or_default()
                .chars()
                .take_while(|c| c.is_alphanumeric() || ['_', '$'].contains(c))
                .collect();
            if name.is_empty() {
                return Err(refuse("expected export const, function, async function or class, and a name"));
            }
            line = declared.to_owned();
            exports.push(name);
        } else if line.starts_with("await") || line.contains("import.meta") {
            return Err(refuse("a joined module can't"));
        }
        begun |= !in_import && !line.is_empty() && !line.starts_with("//") && !line.contains("= need(");
        inside += &dynamic(&line, &refuse, &found)?;
        inside.push('\n');
    }
    let _ = writeln!(inside, "return {{ {} }};", exports.join(", "));
    Ok(Module { inside, needs, exports })
}

/// A line whose imports at run time are calls of `load`.
fn dynamic(
    line: &str,
    refuse: &impl Fn(&str) -> String,
    found: &impl Fn(&str) -> Result<String, String>,
) -> Result<String, String> {
    let mut parts = line.split("import(");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let named = part.strip_prefix('"').and_then(|part| part.split_once("\")"));
        let (relative, rest) = named.ok_or_else(|| refuse("expected import(\"path\")"))?;
        let _ = write!(out, "load({:?}){rest}", found(relative)?);
    }
    Ok(out)
}

/// The path that `relative` means in the module at `path`.
fn resolve(path: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    if !relative.starts_with("./") && !relative.starts_with("../") {
        return None;
    }
    for part in relative.split('/') {
        match part {
            "." => {}
            ".." => _ = parts.pop()?,
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(modules: &[(&str, &str)]) -> Result<String, String> {
        let sources = modules.iter().map(|(path, source)| ((*path).to_owned(), (*source).to_owned())).collect();
        join(&sources, "core/app.js")
    }

    #[test]
    fn modules_become_functions_that_keep_their_lines() {
        let app = "// The shell.\nimport {\n  fill,\n  h as make,\n} from \"./dom.js\";\nconst PAGE = () => import(\"../pages/home.js\");\nfill(make(PAGE));\n";
        let dom = "export const h = 1;\nexport async function fill() {}\nconst own = 2;\nexport class Box {}\n";
        let home = "import { h } from \"../core/dom.js\";\nexport function mount() {}\n";
        let script = joined(&[("core/app.js", app), ("core/dom.js", dom), ("pages/home.js", home)]).unwrap();
        let expected = "const modules = {
\"core/app.js\": (function () {
// The shell.
const {
  fill,
  h: make,
} = need(\"core/dom.js\");
const PAGE = () => load(\"pages/home.js\");
fill(make(PAGE));
return {  };
}),
\"core/dom.js\": (function () {
const h = 1;
async function fill() {}
const own = 2;
class Box {}
return { h, fill, Box };
}),
\"pages/home.js\": function () {
const { h } = need(\"core/dom.js\");
function mount() {}
return { mount };
},
};
";
        assert_eq!(script, format!("{expected}{RUNNER}need(\"core/app.js\");\n"));
    }

    #[test]
    fn what_a_function_would_change_is_refused_by_file_and_line() {
        let refused = [
            "import h from \"./dom.js\";",
            "import * as dom from \"./dom.js\";",
            "import \"./dom.js\";",
            "import { h } from \"dom.js\";",
            "import { h } from \"./none.js\";",
            "import { h } from \"../../dom.js\";",
            "import { h } from './dom.js';",
            "import { h };",
            "export default 1;",
            "export let counter = 0;",
            "export { h };",
            "export * from \"./dom.js\";",
            "export const { a } = {};",
            "const page = await import(name);",
            "const page = import(\"./none.js\");",
            "await 1;",
            "import.meta.url;",
            "const here = import.meta.url;",
        ];
        for line in refused {
            let error = joined(&[("core/app.js", &format!("\n{line}\n")), ("core/dom.js", "")]).unwrap_err();
            assert!(error.starts_with("ui/core/app.js:2: ") && error.ends_with(line), "{error}");
        }
        let late =
            joined(&[("core/app.js", "f();\nimport { h } from \"./dom.js\";"), ("core/dom.js", "export const h = 1;")]);
        assert!(late.unwrap_err().starts_with("ui/core/app.js:2: expected imports before all else"));
        let none = joined(&[
            ("core/app.js", "import { h, g } from \"./dom.js\";"),
            ("core/dom.js", "export const h = 1, g = 2;"),
        ]);
        assert_eq!(none.unwrap_err(), "ui/core/app.js takes g from ui/core/dom.js, which doesn't export it");
    }

    #[test]
    fn modules_that_need_each_other_are_refused() {
        let error = joined(&[
            ("core/app.js", "import { a } from \"./a.js\";"),
            ("core/a.js", "import { b } from \"./b.js\";\nexport const a = 1;"),
            ("core/b.js", "import { a } from \"./a.js\";\nexport const b = 1;"),
        ])
        .unwrap_err();
        assert_eq!(error, "ui/core/a.js needs itself, by way of core/app.js, core/a.js, core/b.js");
        // Asked for at run time, a module may come from one that it needs.
        let page = "import { a } from \"../core/app.js\";\n";
        let app = "export const a = () => import(\"../pages/page.js\");\n";
        joined(&[("core/app.js", app), ("pages/page.js", page)]).unwrap();
    }
}
