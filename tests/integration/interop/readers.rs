//! The readers of JSON and of archives beside Go's `encoding/json` and `archive/tar` and Python's
//! `tarfile`, over the documents and archives of the unit tests.

#[allow(dead_code, unused_imports, reason = "the product uses the rest")]
#[path = "../../../src/policy/archive/mod.rs"]
mod archive;
#[allow(dead_code, unused_imports, reason = "the product uses the rest")]
#[path = "../../../src/json/mod.rs"]
mod json;

use std::{
    fs,
    io::{Read as _, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use archive::{
    ArchiveEntry, EntryKind,
    tests::shapes::{Expected, shapes},
};
use json::{
    Shape,
    tests::{
        generate::{Random, SHAPES},
        go::{Go, plain},
    },
};

use super::{available, find};

/// How many documents of each sort are read.
const DOCUMENTS: usize = 10_000;

#[test]
fn go_reads_no_accepted_document_in_another_way() {
    if !available(&["go"]) {
        return;
    }
    let mut random = Random::new(3);
    let mut documents = Vec::new();
    for _ in 0..DOCUMENTS {
        let at = random.choose(SHAPES);
        documents.push((at, true, random.honest(&at.1).text()));
        let at = random.choose(SHAPES);
        documents.push((at, false, random.hostile(&at.1).text()));
    }
    let input: Vec<_> = documents
        .iter()
        .map(|((name, _), _, text)| format!("{name}\t{text}\n"))
        .collect();
    let answers = run_go(&json_program(), &input.concat());
    let answers: Vec<_> = answers.lines().collect();
    assert_eq!(answers.len(), documents.len());
    let mut refused = 0;
    for (((name, shape), honest, text), answer) in documents.into_iter().zip(answers) {
        match json::document(text.as_bytes(), shape) {
            Err(error) => {
                assert!(!honest, "{name}: {error}\n{text}");
                refused += 1;
            }
            Ok(found) => {
                let read = answer.strip_prefix("ok ");
                let read = read.unwrap_or_else(|| panic!("{name}: Go refuses {text}: {answer}"));
                let read = plain(shape, &serde_json::from_str(read).unwrap());
                assert_eq!(rough(read), rough(plain(shape, &found)), "{name}\n{text}");
            }
        }
    }
    assert!(refused > DOCUMENTS * 6 / 10, "only {refused} were refused");
}

/// Go cannot tell an absent member from an empty text, zero or false.
fn rough(value: Go) -> Go {
    let is_empty = |value: &Go| {
        matches!(value, Go::Zero | Go::Flag(false) | Go::Whole(0))
            || matches!(value, Go::Text(text) if text.is_empty())
    };
    match value {
        Go::Struct(fields) => {
            let fields = fields.into_iter().map(|(name, value)| (name, rough(value)));
            let fields: std::collections::BTreeMap<_, _> =
                fields.filter(|(_, value)| !is_empty(value)).collect();
            if fields.is_empty() {
                Go::Zero
            } else {
                Go::Struct(fields)
            }
        }
        Go::List(values) => Go::List(values.into_iter().map(rough).collect()),
        Go::Map(members) => {
            let members = members.into_iter();
            Go::Map(members.map(|(key, value)| (key, rough(value))).collect())
        }
        other if is_empty(&other) => Go::Zero,
        other => other,
    }
}

/// A program with a struct for each shape; answers each line with what it decoded.
fn json_program() -> String {
    let types = SHAPES.iter();
    let types = types.map(|(name, shape)| format!("type T{name} {}\n", go_type(shape)));
    let cases = SHAPES.iter();
    let cases = cases.map(|(name, _)| format!("\tcase \"{name}\":\n\t\ttarget = &T{name}{{}}\n"));
    format!(
        r#"package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
)

{}
func main() {{
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {{
		name, text, _ := bytes.Cut(lines.Bytes(), []byte("\t"))
		var target any
		switch string(name) {{
{}		}}
		if err := json.Unmarshal(text, target); err != nil {{
			fmt.Println("error", err)
			continue
		}}
		read, _ := json.Marshal(target)
		fmt.Println("ok", string(read))
	}}
}}
"#,
        types.collect::<String>(),
        cases.collect::<String>()
    )
}

fn go_type(shape: &Shape) -> String {
    match shape {
        Shape::Any => "any".to_owned(),
        Shape::Text => "string".to_owned(),
        Shape::Whole => "int64".to_owned(),
        Shape::Flag => "bool".to_owned(),
        Shape::Map(of) => format!("map[string]{}", go_type(of)),
        Shape::List(of) => format!("[]{}", go_type(of)),
        Shape::Object(members) => {
            let members = members.iter().enumerate();
            let members = members
                .map(|(at, (name, of))| format!("F{at} {} `json:\"{name}\"`\n", go_type(of)));
            format!("struct {{\n{}}}", members.collect::<String>())
        }
    }
}

const ARCHIVE_PROGRAM: &str = r#"package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		packed, _ := hex.DecodeString(lines.Text())
		reader := tar.NewReader(bytes.NewReader(packed))
		for {
			header, err := reader.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				fmt.Println("error")
				break
			}
			content, err := io.ReadAll(reader)
			if err != nil {
				fmt.Println("error")
				break
			}
			kind := "other"
			switch header.Typeflag {
			case tar.TypeReg:
				kind = "file"
			case tar.TypeDir:
				kind = "directory"
			case tar.TypeLink:
				kind = "hard"
			case tar.TypeSymlink:
				kind = "symbolic"
			case tar.TypeXGlobalHeader:
				continue
			}
			link := ""
			if kind == "hard" || kind == "symbolic" {
				link = header.Linkname
			}
			fmt.Printf("%s\t%s\t%s\t%x\n", header.Name, kind, link, content)
		}
		fmt.Println("end")
	}
}
"#;

const PYTHON_PROGRAM: &str = r#"
import io, sys, tarfile
for line in sys.stdin:
    try:
        archive = tarfile.open(fileobj=io.BytesIO(bytes.fromhex(line.strip())), mode="r:")
        for member in archive:
            content = b""
            if member.isreg():
                kind, content = "file", archive.extractfile(member).read()
                if len(content) != member.size: raise ValueError("cut")
            else:
                kind = ("directory" if member.isdir() else "hard" if member.islnk()
                        else "symbolic" if member.issym() else "other")
            link = member.linkname if kind in ("hard", "symbolic") else ""
            print(member.name, kind, link, content.hex(), sep="\t")
    except Exception:
        print("error")
    print("end")
"#;

#[test]
fn archives_are_read_as_python_and_go_read_them() {
    if !available(&["go", "python3"]) {
        return;
    }
    let shapes = shapes();
    let mut input = String::new();
    for shape in &shapes {
        input.push_str(&hex::encode(unpacked(&shape.bytes).unwrap_or_default()));
        input.push('\n');
    }
    let go = listings(&run_go(ARCHIVE_PROGRAM, &input));
    let python = Command::new(find("python3").unwrap());
    let python = listings(&run(python, &["-c", PYTHON_PROGRAM], &input));
    assert_eq!((go.len(), python.len()), (shapes.len(), shapes.len()));
    for ((shape, go), python) in shapes.iter().zip(go).zip(python) {
        match &shape.expected {
            Expected::Files(_) => {
                let own = own(&shape.bytes);
                assert_eq!(own, go, "{} and Go", shape.name);
                assert_eq!(own, python, "{} and Python", shape.name);
            }
            // The reason is true.
            Expected::Error("differ") => assert_ne!(go, python, "{}", shape.name),
            Expected::Error(_) => {}
        }
    }
}

/// The archive without its compression, if that can be undone.
fn unpacked(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    match bytes {
        [0x1f, 0x8b, ..] => flate2::read::MultiGzDecoder::new(bytes)
            .read_to_end(&mut plain)
            .ok()?,
        [0x28, 0xb5, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
            zstd::stream::read::Decoder::new(bytes)
                .ok()?
                .read_to_end(&mut plain)
                .ok()?
        }
        _ => return Some(bytes.to_vec()),
    };
    Some(plain)
}

/// The entries of one archive as lines; `error` at the end where a reader stopped.
fn listings(output: &str) -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    for line in output.lines() {
        if line == "end" {
            all.push(Vec::new());
            continue;
        }
        let (name, rest) = line.split_once('\t').unwrap_or((line, ""));
        let name = archive::clean(name).unwrap_or_else(|| name.to_owned());
        all.last_mut().unwrap().push(format!("{name}\t{rest}"));
    }
    all.pop();
    all
}

fn own(bytes: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut take = |_, entry: ArchiveEntry| {
        let (kind, link) = match entry.kind {
            EntryKind::File => ("file", String::new()),
            EntryKind::Directory => ("directory", String::new()),
            EntryKind::Hard(link) => ("hard", link),
            EntryKind::Symbolic(link) => ("symbolic", link),
            EntryKind::Other => ("other", String::new()),
        };
        let content = hex::encode(entry.content.unwrap_or_default());
        lines.push(format!("{}\t{kind}\t{link}\t{content}", entry.path));
        Ok(())
    };
    archive::walk(bytes, &|_, _| true, &mut take).unwrap();
    lines
}

fn run_go(source: &str, input: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("main.go");
    fs::write(&file, source).unwrap();
    let mut go = Command::new(find("go").unwrap());
    go.env("GOCACHE", dir.path().join("cache"))
        .env("GO111MODULE", "off")
        .env("GOFLAGS", "")
        .env("HOME", dir.path())
        .current_dir(Path::new(dir.path()));
    run(go, &["run", "main.go"], input)
}

fn run(mut program: Command, arguments: &[&str], input: &str) -> String {
    let child = program
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}
