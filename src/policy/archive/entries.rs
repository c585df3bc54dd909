//! Iterates over the entries of a tar archive, with extended headers and long names applied.

use super::{
    Error, MAX_ENTRIES, MAX_FILE, clean,
    header::{self, BLOCK, HeaderFields},
    packed::UnpackedReader,
    pax::Records,
};

/// The largest extended header or long name, in bytes.
const MAX_SPECIAL: u64 = 1 << 20;

/// An entry of a tar archive: path, kind and content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ArchiveEntry {
    /// The cleaned path from the root; empty for the root itself.
    pub(crate) path: String,
    pub(crate) kind: EntryKind,
    /// The content of a file that `Keep` selects.
    pub(crate) content: Option<Vec<u8>>,
}

/// The type of an entry, with the target of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EntryKind {
    File,
    Directory,
    /// A hard link to an earlier file, whose path is from the root.
    Hard(String),
    /// A symbolic link with its unresolved target.
    Symbolic(String),
    /// A device, a pipe or an unknown type.
    Other,
}

/// A predicate by number and path that selects the files whose content is kept.
pub(crate) type Keep<'a> = dyn Fn(usize, &str) -> bool + 'a;
/// A callback that receives each entry with its number.
pub(crate) type Take<'a> = dyn FnMut(usize, ArchiveEntry) -> Result<(), Error> + 'a;

/// The headers before an entry that change its name, link or size.
#[derive(Debug, Default)]
struct Pending {
    records: Option<Records>,
    name: Option<String>,
    link: Option<String>,
    /// True behind a global extended header.
    global: bool,
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.records.is_none() && self.name.is_none() && self.link.is_none()
    }
}

/// Reads an archive and passes each entry to `take`.
///
/// # Errors
/// Any [`Error`] but those of links and documents, and what `take` returns.
pub(crate) fn walk(bytes: &[u8], keep: &Keep<'_>, take: &mut Take<'_>) -> Result<(), Error> {
    let mut source = UnpackedReader::new(bytes)?;
    let mut pending = Pending::default();
    let mut number = 0;
    while let Some(block) = next(&mut source, number == 0 && pending.is_empty())? {
        let fields = header::fields(&block)?;
        if special(&mut source, &fields, &mut pending)? {
            continue;
        }
        let raw = fields.name.clone();
        let (name, link, size) = apply(fields.name, fields.link, fields.size, &mut pending)?;
        let kind = kind(fields.flag, &raw, &name, link)?;
        let path = clean(&name).ok_or_else(|| Error::Escapes { path: name.clone() })?;
        // Links, directories and devices have no content, whatever their size field contains.
        let size = if kind == EntryKind::File { size } else { 0 };
        let kept = kind == EntryKind::File && keep(number, &path);
        let content = content(&mut source, size, kept)?;
        take(
            number,
            ArchiveEntry {
                path,
                kind,
                content,
            },
        )?;
        number += 1;
        if number > MAX_ENTRIES {
            return Err(Error::TooLarge {
                what: "the number of entries",
                limit: MAX_ENTRIES as u64,
            });
        }
    }
    if pending.global {
        return Err(Error::Differs {
            what: "a global extended header at the end",
        });
    }
    if !pending.is_empty() {
        return Err(Error::Cut {
            what: "no entry follows an extended header",
        });
    }
    Ok(())
}

/// Returns the next header block; `None` at the end.
fn next(source: &mut UnpackedReader<'_>, first: bool) -> Result<Option<[u8; BLOCK]>, Error> {
    let mut block = [0; BLOCK];
    let is_zero = |block: &[u8]| block.iter().all(|byte| *byte == 0);
    match source.fill(&mut block)? {
        0 if first => {
            return Err(Error::Cut {
                what: "it is empty",
            });
        }
        0 => return Ok(None),
        BLOCK => {}
        _ => {
            return Err(Error::Cut {
                what: "a header is incomplete",
            });
        }
    }
    if !is_zero(&block) {
        return Ok(Some(block));
    }
    // Two blocks of zeros end an archive; the second may be missing.
    let count = source.fill(&mut block)?;
    if count == BLOCK && !is_zero(&block) {
        return Err(Error::Differs {
            what: "a block of zeros between entries",
        });
    }
    if !is_zero(block.get(..count).unwrap_or_default()) {
        return Err(Error::Trailing);
    }
    if !matches!(count, 0 | BLOCK) {
        return Err(Error::Differs {
            what: "a block of zeros that is not whole",
        });
    }
    source.end()?;
    Ok(None)
}

/// Reads a special entry, which describes the next one.
fn special(
    source: &mut UnpackedReader<'_>,
    fields: &HeaderFields,
    pending: &mut Pending,
) -> Result<bool, Error> {
    let twice = Error::Differs {
        what: "an entry has two extended headers",
    };
    match fields.flag {
        b'x' => {
            let records = Records::parse(&small(source, fields.size)?)?;
            if records.odd_number {
                return Err(Error::Differs {
                    what: "a number in an extended header",
                });
            }
            if pending.records.replace(records).is_some() {
                return Err(twice);
            }
        }
        b'g' => {
            let records = Records::parse(&small(source, fields.size)?)?;
            if !records.is_idle() || !pending.is_empty() {
                return Err(Error::Differs {
                    what: "a global extended header with names or sizes",
                });
            }
            pending.global = true;
        }
        b'L' | b'K' => {
            let name = header::text(&small(source, fields.size)?);
            let place = match fields.flag {
                b'L' => &mut pending.name,
                _ => &mut pending.link,
            };
            if place.replace(name).is_some() {
                return Err(twice);
            }
        }
        b'S' => {
            return Err(Error::Sparse {
                path: fields.name.clone(),
            });
        }
        b'X' => {
            return Err(Error::Differs {
                what: "an extended header of Solaris",
            });
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn small(source: &mut UnpackedReader<'_>, size: u64) -> Result<Vec<u8>, Error> {
    if size > MAX_SPECIAL {
        return Err(Error::TooLarge {
            what: "an extended header",
            limit: MAX_SPECIAL,
        });
    }
    Ok(content(source, size, true)?.unwrap_or_default())
}

/// Applies pending headers and returns the effective name, link and size.
fn apply(
    name: String,
    link: String,
    size: u64,
    pending: &mut Pending,
) -> Result<(String, String, u64), Error> {
    let pending = std::mem::take(pending);
    let records = pending.records.unwrap_or_default();
    if records.sparse {
        return Err(Error::Sparse {
            path: records.path.unwrap_or(name),
        });
    }
    let one = |long: Option<String>, record: Option<String>, own: String| match (long, record) {
        (Some(long), Some(record)) if long != record => Err(Error::Differs {
            what: "an entry has two long names",
        }),
        (Some(name), _) | (None, Some(name)) => Ok(name),
        (None, None) => Ok(own),
    };
    Ok((
        one(pending.name, records.path, name)?,
        one(pending.link, records.link, link)?,
        records.size.unwrap_or(size),
    ))
}

fn kind(flag: u8, raw: &str, name: &str, link: String) -> Result<EntryKind, Error> {
    Ok(match flag {
        b'0' | b'7' => EntryKind::File,
        0 => match (raw.ends_with('/'), name.ends_with('/')) {
            (false, false) => EntryKind::File,
            (true, true) => EntryKind::Directory,
            _ => {
                return Err(Error::Differs {
                    what: "a name is that of a file and of a directory",
                });
            }
        },
        b'1' => EntryKind::Hard(link),
        b'2' => EntryKind::Symbolic(link),
        b'5' => EntryKind::Directory,
        b'3' | b'4' | b'6' => EntryKind::Other,
        // Some tools unpack it as a file, others refuse or skip it.
        _ => {
            return Err(Error::Differs {
                what: "an entry of unknown type",
            });
        }
    })
}

/// Reads or skips the content of an entry with its padding.
fn content(
    source: &mut UnpackedReader<'_>,
    size: u64,
    kept: bool,
) -> Result<Option<Vec<u8>>, Error> {
    let too_large = || Error::TooLarge {
        what: "a file",
        limit: MAX_FILE,
    };
    let padding = size.wrapping_neg() % BLOCK as u64;
    if !kept {
        source.skip(size)?;
        source.skip(padding)?;
        return Ok(None);
    }
    if size > MAX_FILE {
        return Err(too_large());
    }
    let size = usize::try_from(size).map_err(|_| too_large())?;
    let mut content = vec![0; size];
    if source.fill(&mut content)? < size {
        return Err(Error::Cut {
            what: "a file is incomplete",
        });
    }
    source.skip(padding)?;
    Ok(Some(content))
}
