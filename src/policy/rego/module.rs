//! Policy sources and their parsed form. Parsing is the engine's; this adds limits and the names a module uses.

use std::{
    collections::BTreeMap,
    num::{NonZeroU32, NonZeroUsize},
};

use regorus::{
    Engine, PolicyLengthConfig,
    unstable::{Import, Module as Ast, Ref},
};

use super::{
    error::{Error, Place},
    lines, syntax,
};

/// One policy file.
#[derive(Debug, Clone)]
pub(crate) struct Module {
    /// The name in messages, normally a path.
    pub(crate) file: String,
    /// The Rego source.
    pub(crate) source: String,
}

impl Module {
    /// Whether the file holds unit tests by its name, which production never loads.
    pub(crate) fn is_test(&self) -> bool {
        self.file.ends_with("_test.rego")
    }
}

/// A module as the analysis sees it.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) file: String,
    pub(super) source: String,
    pub(super) ast: Ref<Ast>,
    /// The package without `data`.
    pub(super) package: Vec<String>,
    /// Imported names and the full paths that they stand for.
    pub(super) aliases: BTreeMap<String, String>,
}

impl Parsed {
    /// The full path of the package: `data.release.sbom`.
    pub(super) fn data_path(&self) -> String {
        data_path(&self.package)
    }

    /// The place of a line of this module.
    pub(super) fn place(&self, line: u32) -> Place {
        Place {
            file: self.file.clone(),
            line,
        }
    }
}

/// `data` followed by the segments.
pub(super) fn data_path(segments: &[String]) -> String {
    let mut path = String::from("data");
    for segment in segments {
        path.push('.');
        path.push_str(segment);
    }
    path
}

/// The sizes a module may have: schemas embedded in policies have very long lines.
pub(super) fn limits() -> PolicyLengthConfig {
    let defaults = PolicyLengthConfig::default();
    PolicyLengthConfig {
        max_col: NonZeroU32::new(1 << 20).unwrap_or(defaults.max_col),
        max_file_bytes: NonZeroUsize::new(32 << 20).unwrap_or(defaults.max_file_bytes),
        max_lines: NonZeroUsize::new(1_000_000).unwrap_or(defaults.max_lines),
    }
}

/// Parses the modules.
///
/// # Errors
/// [`Error::Syntax`] for the first one that is no Rego.
pub(super) fn parse(mut modules: Vec<Module>) -> Result<Vec<Parsed>, Error> {
    for module in &mut modules {
        module.source = lines::separated(std::mem::take(&mut module.source));
    }
    let mut engine = Engine::new();
    engine.set_policy_length_config(limits());
    for module in &modules {
        let added = engine.add_policy(module.file.clone(), module.source.clone());
        added.map_err(|error| {
            let (place, cause) = syntax::located(&error, &module.file);
            Error::Syntax { place, cause }
        })?;
    }
    let asts = engine.get_modules().clone();
    let parsed = modules.into_iter().zip(asts).map(|(module, ast)| {
        let package = syntax::prefix(&ast.package.refr);
        let aliases = ast.imports.iter().filter_map(alias).collect();
        Parsed {
            file: module.file,
            source: module.source,
            package,
            aliases,
            ast,
        }
    });
    Ok(parsed.collect())
}

/// The name and the full path of an import of data or input; keyword imports have none.
fn alias(import: &Import) -> Option<(String, String)> {
    let path = syntax::prefix(&import.refr);
    let root = path.first()?;
    if root != "data" && root != "input" {
        return None;
    }
    let name = match &import.r#as {
        Some(span) => span.text().to_owned(),
        None => path.last()?.clone(),
    };
    Some((name, path.join(".")))
}
