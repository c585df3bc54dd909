//! Archives of many formats, made byte by byte: those of common writers, and those that Go and Python
//! read differently.

use std::io::Write as _;

/// An archive with its expected files or refusal.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) expected: Expected,
}

/// The files of an archive with links resolved, or a part of the message that refuses it.
pub(crate) enum Expected {
    Files(Vec<(String, String)>),
    Error(&'static str),
}

const END: [u8; 1024] = [0; 1024];

/// Makes a header with a correct checksum.
pub(crate) fn header(name: &str, size: usize, kind: u8) -> Vec<u8> {
    sealed(|block| {
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
        block[156] = kind;
    })
}

/// Makes a header of which the caller sets some bytes.
fn sealed(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut block = vec![0_u8; 512];
    block[100..108].copy_from_slice(b"0000644\0");
    block[108..116].copy_from_slice(b"0000000\0");
    block[116..124].copy_from_slice(b"0000000\0");
    block[136..148].copy_from_slice(b"00000000000\0");
    block[257..265].copy_from_slice(b"ustar\x0000");
    change(&mut block);
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn padded(content: &[u8]) -> Vec<u8> {
    let mut bytes = content.to_vec();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// Makes the blocks of a regular file.
pub(crate) fn file(name: &str, content: &[u8]) -> Vec<u8> {
    [header(name, content.len(), b'0'), padded(content)].concat()
}

/// Makes the block of a hard (`1`) or symbolic (`2`) link.
pub(crate) fn link(name: &str, target: &str, kind: u8) -> Vec<u8> {
    sized_link(name, target, kind, 0)
}

fn sized_link(name: &str, target: &str, kind: u8, size: usize) -> Vec<u8> {
    sealed(|block| {
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
        block[156] = kind;
        block[157..157 + target.len()].copy_from_slice(target.as_bytes());
    })
}

fn special(kind: u8, content: &[u8]) -> Vec<u8> {
    [header("special", content.len(), kind), padded(content)].concat()
}

fn pax_of(kind: u8, records: &[(&str, &str)]) -> Vec<u8> {
    let mut content = Vec::new();
    for (key, value) in records {
        let body = format!(" {key}={value}\n");
        let mut length = body.len() + 1;
        while length.to_string().len() + body.len() != length {
            length = length.to_string().len() + body.len();
        }
        content.extend(format!("{length}{body}").into_bytes());
    }
    special(kind, &content)
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    pax_of(b'x', records)
}

/// Compresses bytes with gzip.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// Compresses bytes with zstd, with a checksum.
pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut packer = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    packer.include_checksum(true).unwrap();
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// Returns the archives of all formats.
pub(crate) fn shapes() -> Vec<Shape> {
    let mut all = Vec::new();
    plain(&mut all);
    names(&mut all);
    links(&mut all);
    compressed(&mut all);
    refused(&mut all);
    all
}

const NAME: &str = "manifests/a.yaml";
const TEXT: &[u8] = b"kind: A\n";

fn reads(all: &mut Vec<Shape>, name: &'static str, bytes: Vec<u8>, files: &[(&str, &str)]) {
    let files = files.iter();
    let files = files.map(|(path, content)| ((*path).to_owned(), (*content).to_owned()));
    all.push(Shape {
        name,
        bytes,
        expected: Expected::Files(files.collect()),
    });
}

/// Makes a case that contains exactly one file.
fn usual(all: &mut Vec<Shape>, name: &'static str, bytes: Vec<u8>) {
    reads(all, name, bytes, &[(NAME, "kind: A\n")]);
}

fn plain(all: &mut Vec<Shape>) {
    let one = file(NAME, TEXT);
    usual(all, "plain", [&one[..], &END].concat());
    usual(all, "no end", one.clone());
    usual(all, "half an end", [&one[..], &END[..512]].concat());
    let mut blocks = one.clone();
    blocks.resize(10240, 0);
    usual(all, "padded to twenty blocks", blocks);
    let old = sealed(|block| {
        block[..NAME.len()].copy_from_slice(NAME.as_bytes());
        block[124..136].copy_from_slice(b"00000000010\0");
        block[257..265].fill(0);
    });
    usual(all, "V7", [&old[..], &padded(TEXT), &END].concat());
    let with_size = |size: &[u8; 12]| {
        let header = sealed(|block| {
            block[..NAME.len()].copy_from_slice(NAME.as_bytes());
            block[124..136].copy_from_slice(size);
            block[156] = b'0';
        });
        [&header[..], &padded(TEXT), &END].concat()
    };
    let base256 = b"\x80\0\0\0\0\0\0\0\0\0\0\x08";
    usual(all, "size in base 256", with_size(base256));
    usual(all, "size with spaces", with_size(b"        10 \0"));
    let twice = [file(NAME, b"kind: Old\n"), one.clone(), END.to_vec()];
    usual(all, "a name twice", twice.concat());
    let comment = pax_of(b'g', &[("comment", "made by git archive")]);
    usual(all, "global comment", [&comment[..], &one, &END].concat());
    let old_directory = sealed(|block| {
        block[..10].copy_from_slice(b"manifests/");
        block[257..265].fill(0);
    });
    usual(
        all,
        "directory of V7",
        [&old_directory[..], &one, &END].concat(),
    );
    reads(all, "no entries", END.to_vec(), &[]);
}

fn names(all: &mut Vec<Shape>) {
    let named = |name: &str| [&file(name, TEXT)[..], &END].concat();
    usual(all, "dots and slashes", named("./manifests//./a.yaml"));
    usual(all, "from the root", named("/manifests/a.yaml"));
    usual(all, "up and down", named("x/../manifests/a.yaml"));
    let extended = [
        pax(&[("mtime", "-1.5"), ("uid", "+7"), ("path", NAME)]),
        file("short", TEXT),
    ];
    usual(all, "pax path", [extended.concat(), END.to_vec()].concat());
    let sized = [pax(&[("size", "8")]), header(NAME, 0, b'0'), padded(TEXT)];
    usual(all, "pax size", [sized.concat(), END.to_vec()].concat());
    let hidden = file("manifests/b.yaml", b"seen: by one reader\n");
    let smaller = [
        pax(&[("size", "0")]),
        header("notes.txt", hidden.len(), b'0'),
        hidden.clone(),
        END.to_vec(),
    ];
    let both = [
        ("notes.txt", ""),
        ("manifests/b.yaml", "seen: by one reader\n"),
    ];
    reads(all, "smaller pax size", smaller.concat(), &both);
    let size = hidden.len().to_string();
    let larger = [
        pax(&[("size", &size)]),
        header("notes.txt", 0, b'0'),
        hidden.clone(),
        END.to_vec(),
    ];
    let text = String::from_utf8(hidden).unwrap();
    reads(
        all,
        "larger pax size",
        larger.concat(),
        &[("notes.txt", &text)],
    );
    let long = format!("{}a.yaml", "long/".repeat(40));
    let named = [
        special(b'L', format!("{long}\0").as_bytes()),
        file("short", TEXT),
        END.to_vec(),
    ];
    reads(
        all,
        "GNU long name",
        named.concat(),
        &[(&long, "kind: A\n")],
    );
    let prefixed = sealed(|block| {
        block[..6].copy_from_slice(b"a.yaml");
        block[124..136].copy_from_slice(b"00000000010\0");
        block[156] = b'0';
        block[345..354].copy_from_slice(b"manifests");
    });
    usual(all, "prefix", [&prefixed[..], &padded(TEXT), &END].concat());
}

fn links(all: &mut Vec<Shape>) {
    let store = file("store/x.yaml", TEXT);
    let files = [("store/x.yaml", "kind: A\n"), (NAME, "kind: A\n")];
    let with = |entry: Vec<u8>| [store.clone(), entry, END.to_vec()].concat();
    reads(
        all,
        "hard link",
        with(link(NAME, "./store/x.yaml", b'1')),
        &files,
    );
    let sized = sized_link(NAME, "store/x.yaml", b'1', 8);
    reads(all, "hard link with a size", with(sized), &files);
    reads(
        all,
        "symbolic link",
        with(link(NAME, "../store/x.yaml", b'2')),
        &files,
    );
    let absolute = link(NAME, "/store/x.yaml", b'2');
    reads(all, "symbolic link from the root", with(absolute), &files);
    let extended = [
        pax(&[("linkpath", "../store/x.yaml")]),
        link(NAME, "?", b'2'),
    ];
    reads(all, "pax link", with(extended.concat()), &files);
    let gnu = [special(b'K', b"store/x.yaml\0"), link(NAME, "?", b'1')];
    reads(all, "GNU long link", with(gnu.concat()), &files);
}

fn compressed(all: &mut Vec<Shape>) {
    let one = [file(NAME, TEXT), END.to_vec()].concat();
    let (start, rest) = one.split_at(700);
    usual(all, "gzip", gzip(&one));
    usual(
        all,
        "gzip in two members",
        [gzip(start), gzip(rest)].concat(),
    );
    usual(all, "zstd", zstd(&one));
    usual(
        all,
        "zstd in two frames",
        [zstd(start), zstd(rest)].concat(),
    );
    let skipped = [&b"\x50\x2a\x4d\x18\x04\0\0\0more"[..], &zstd(&one)].concat();
    usual(all, "zstd behind a skippable frame", skipped);
    let skipped = [&zstd(&one)[..], b"\x5e\x2a\x4d\x18\x04\0\0\0more"].concat();
    usual(all, "zstd before a skippable frame", skipped);
}

fn refuse(all: &mut Vec<Shape>, name: &'static str, parts: &[&[u8]], part: &'static str) {
    all.push(Shape {
        name,
        bytes: parts.concat(),
        expected: Expected::Error(part),
    });
}

fn refused(all: &mut Vec<Shape>) {
    let one = file(NAME, TEXT);
    let more = file("manifests/b.yaml", TEXT);
    let other = file("y", TEXT);
    let path = pax(&[("path", NAME)]);
    refuse(
        all,
        "entries behind the end",
        &[&one, &END, &more],
        "follow the end",
    );
    refuse(
        all,
        "zeros between entries",
        &[&one, &END[..512], &more],
        "differ",
    );
    refuse(all, "part of an end", &[&one, &END[..600]], "differ");
    let comment = pax_of(b'g', &[("comment", "last")]);
    refuse(
        all,
        "global comment at the end",
        &[&one, &comment, &END],
        "differ",
    );
    let early = sealed(|block| {
        block[..NAME.len()].copy_from_slice(NAME.as_bytes());
        block[124..136].copy_from_slice(b"00000000010\0");
        block[136..148].copy_from_slice(b"\xff0000000000 ");
    });
    refuse(
        all,
        "a time before all numbers",
        &[&early, &padded(TEXT), &END],
        "differ",
    );
    let first = pax(&[("path", "x")]);
    refuse(
        all,
        "two extended headers",
        &[&first, &path, &other],
        "differ",
    );
    let long = special(b'L', b"x\0");
    refuse(all, "two long names", &[&path, &long, &other], "differ");
    let global = pax_of(b'g', &[("path", NAME)]);
    refuse(all, "global path", &[&global, &other], "differ");
    let solaris = pax_of(b'X', &[("path", NAME)]);
    refuse(all, "Solaris", &[&solaris, &other], "differ");
    refuse(
        all,
        "empty pax path",
        &[&pax(&[("path", "")]), &other],
        "differ",
    );
    unreadable_fields(all, &one);
    refuse(
        all,
        "out of the archive",
        &[&file("../a.yaml", TEXT), &END],
        "points outside",
    );
    refuse(all, "sparse", &[&header("s", 0, b'S'), &END], "sparse");
    let unknown = [header(NAME, 0, b'Z'), header("v", 0, b'V')];
    for entry in unknown {
        refuse(all, "unknown type", &[&entry, &END], "unknown type");
    }
    let sparse = pax(&[("GNU.sparse.major", "1")]);
    refuse(all, "pax sparse", &[&sparse, &other, &END], "sparse");
    broken(all, &one, &more);
}

/// Adds archives with fields that Go and Python read differently.
fn unreadable_fields(all: &mut Vec<Shape>, one: &[u8]) {
    let hex = pax(&[("size", "0x8")]);
    refuse(
        all,
        "pax size that is not a number",
        &[&hex, one, &END],
        "differ",
    );
    for number in [
        ("mtime", "1e3"),
        ("uid", "x"),
        ("atime", "1.x"),
        ("gid", "1_0"),
    ] {
        let odd = pax(&[number]);
        refuse(all, "odd number of pax", &[&odd, one, &END], "differ");
    }
    let zeros = sealed(|block| {
        block[..NAME.len()].copy_from_slice(NAME.as_bytes());
        block[124..136].copy_from_slice(b"\x00000000010\0\0");
        block[156] = b'0';
    });
    refuse(
        all,
        "size behind a zero byte",
        &[&zeros, &padded(TEXT), &END],
        "differ",
    );
    let times = sealed(|block| {
        block[..6].copy_from_slice(b"a.yaml");
        block[124..136].copy_from_slice(b"00000000010\0");
        block[156] = b'0';
        block[257..265].copy_from_slice(b"ustar  \0");
        block[345..357].copy_from_slice(b"14717000000\0");
    });
    refuse(all, "GNU times", &[&times, &padded(TEXT), &END], "differ");
}

fn broken(all: &mut Vec<Shape>, one: &[u8], more: &[u8]) {
    let mut wrong = one.to_vec();
    wrong[0] ^= 1;
    refuse(all, "checksum", &[&wrong, &END], "checksum");
    refuse(all, "cut in a file", &[&one[..600]], "truncated");
    refuse(all, "cut in a header", &[one, &more[..100]], "truncated");
    refuse(
        all,
        "nothing behind a pax header",
        &[&pax(&[("path", NAME)])],
        "truncated",
    );
    refuse(all, "empty", &[], "empty");
    refuse(all, "xz", &[b"\xfd7zXZ\0more"], "xz");
    refuse(all, "random", &[&[7; 2048]], "not a tar archive");
    let whole = [one, &END].concat();
    refuse(
        all,
        "bytes behind gzip",
        &[&gzip(&whole), b"garbage behind it"],
        "damaged",
    );
    refuse(
        all,
        "bytes behind zstd",
        &[&zstd(&whole), b"garbage behind it"],
        "damaged",
    );
    let mut flipped = zstd(&whole);
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    refuse(all, "checksum of zstd", &[&flipped], "damaged");
}
