//! Measures the crate: reading and compiling modules, then evaluating one query for one input.
//!
//! ```text
//! cargo run --release -p rego --example measure -- INPUT QUERY REPEAT DATA.yml … MODULE.rego …
//! ```

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on panics")]
#![expect(clippy::print_stdout, reason = "the figures are the result")]

use std::sync::Arc;
use std::time::Instant;

use rego::builtins::{BuiltinError, CallContext, declarations, offered};
use rego::signature::{Declaration, Type};
use rego::{Options, Program, Session, Value};

/// Functions of Conforma's program and how many arguments they have.
static HOST: [(&str, usize); 14] = [
    ("ec.oci.blob", 1),
    ("ec.oci.blob_files", 2),
    ("ec.oci.descriptor", 1),
    ("ec.oci.image_files", 2),
    ("ec.oci.image_index", 1),
    ("ec.oci.image_manifest", 1),
    ("ec.oci.image_manifests", 1),
    ("ec.oci.image_referrers", 1),
    ("ec.oci.image_tag_refs", 1),
    ("ec.oci.parsed_blob", 1),
    ("ec.purl.is_valid", 1),
    ("ec.purl.parse", 1),
    ("ec.sigstore.verify_attestation", 2),
    ("ec.sigstore.verify_image", 2),
];

fn host(name: &'static str, arity: usize) -> Declaration {
    let args: &[Type] = if arity == 1 {
        &[Type::Any]
    } else {
        &[Type::Any, Type::Any]
    };
    Declaration::new(name, args, Type::Any)
}

fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [input, query, repeat, files @ ..] = given.as_slice() else {
        println!("usage: measure INPUT QUERY REPEAT DATA.yml … MODULE.rego …");
        return;
    };
    let text = |path: &str| std::fs::read_to_string(path).unwrap();
    let mut registry = offered();
    let host: Vec<_> = HOST
        .iter()
        .map(|(name, arity)| host(name, *arity))
        .collect();
    for declaration in &host {
        registry.add_host(*declaration, Arc::new(|_, _| Err(BuiltinError::Undefined)));
    }
    let options = Options {
        builtins: [declarations(), &host].concat(),
        ..Options::default()
    };
    let (modules, data): (Vec<_>, Vec<_>) = files.iter().partition(|path| path.ends_with(".rego"));
    let texts: Vec<_> = modules.iter().map(|path| text(path)).collect();
    let started = Instant::now();
    let parsed = modules.iter().zip(&texts);
    let parsed: Vec<_> = parsed
        .map(|(path, text)| rego::parse(path.as_str(), text.as_str()).unwrap())
        .collect();
    let parse = started.elapsed();
    let compiled = rego::compile(parsed, &options).unwrap();
    let asked = compiled.query(query, &options).unwrap();
    let program = Program::new(&compiled, &registry, &[]).unwrap();
    let compile = started.elapsed() - parse;
    let mut all = Value::object(Vec::new());
    for path in data {
        let context = &mut CallContext::default();
        let read = registry
            .get("yaml.unmarshal")
            .unwrap()
            .call(context, &[Value::from(text(path))]);
        let union = registry.get("object.union").unwrap();
        all = union.call(context, &[all, read.unwrap()]).unwrap();
    }
    let program = program.with_data(all);
    let asked = program.query(&asked).unwrap();
    let input = Value::from_json(&text(input)).unwrap();
    let repeat: u32 = repeat.parse().unwrap();
    let mut size = 0;
    let first = Instant::now();
    Session::new(&program, Some(input.clone()))
        .with_time(1_782_864_000_000_000_000, 1)
        .query(&asked)
        .unwrap();
    let first = first.elapsed();
    let started = Instant::now();
    for _ in 0..repeat {
        let mut session =
            Session::new(&program, Some(input.clone())).with_time(1_782_864_000_000_000_000, 1);
        size = session.query(&asked).unwrap().value.len();
    }
    let each = started.elapsed() / repeat.max(1);
    let shown = |time: std::time::Duration| format!("{:.2} ms", time.as_secs_f64() * 1000.0);
    println!(
        "modules {}, parse {}, compile {}, first {}, each {}, results {size}",
        modules.len(),
        shown(parse),
        shown(compile),
        shown(first),
        shown(each)
    );
}
