//! Imports: paths, aliases and the keywords that they bring.

use super::{
    Span,
    ast::{Import, Term, TermKind},
    lexer::Tok,
    parser::{Parsed, Parser},
};

/// Keywords of Rego v1: none of them may be the name of an import.
const KEYWORDS: [&str; 15] = [
    "not", "package", "import", "as", "default", "else", "with", "null", "true", "false", "some",
    "if", "contains", "in", "every",
];

/// Keywords of `future.keywords`, in the order of messages.
const FUTURE: [&str; 7] = ["and", "contains", "every", "if", "in", "not", "or"];

/// Tells if a word is a keyword of Rego v1.
pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS.contains(&word)
}

impl Parser<'_> {
    /// Takes `package` or `import` and returns where it is; a path must follow.
    pub(super) fn keyword_before_path(&mut self) -> Parsed<Span> {
        let start = self.span();
        if self.reference_follows() {
            return None;
        }
        self.scan();
        if !self.is_word() {
            self.illegal("");
            return None;
        }
        self.take_as_name();
        Some(start)
    }

    pub(super) fn import(&mut self) -> Parsed<Import> {
        let start = self.keyword_before_path()?;
        self.keywords.names = true;
        let term = self.term();
        self.keywords.names = false;
        let path = self.import_path(term)?;
        let mut import = Import {
            span: self.from(start),
            path,
            alias: None,
        };
        if self.tok() == Tok::As {
            self.scan();
            if self.tok() != Tok::Ident {
                self.illegal("expected var");
                return None;
            }
            match self.term()?.kind {
                TermKind::Var(name) => import.alias = Some(name),
                _ => {
                    self.illegal("expected var");
                    return None;
                }
            }
            import.span = self.from(start);
        } else {
            self.check_last(&import);
        }
        match head_of(&import.path) {
            "rego" => self.import_rego(&import),
            "future" => self.import_future(&import),
            _ => {}
        }
        Some(import)
    }

    fn import_path(&mut self, term: Option<Term>) -> Parsed<Vec<Term>> {
        let span = self.span();
        let path = match term {
            Some(Term {
                kind: TermKind::Ref(path),
                ..
            }) => path,
            Some(
                term @ Term {
                    kind: TermKind::Var(_),
                    ..
                },
            ) => vec![term],
            _ => {
                self.error(span, "expected path");
                return None;
            }
        };
        for part in path.iter().skip(1) {
            if !matches!(part.kind, TermKind::String(_)) {
                let name = super::names::kind_name(&part.kind);
                self.error(
                    part.span,
                    format!("unexpected {name} token: expecting string"),
                );
                return None;
            }
        }
        let head = path.first()?;
        if matches!(&head.kind, TermKind::Var(name) if matches!(&**name, "data" | "input" | "future" | "rego"))
        {
            return Some(path);
        }
        let (span, found) = (head.span, super::display::term(head));
        self.hint("if this is unexpected, try updating OPA");
        self.error(
            span,
            format!("unexpected import path, must begin with one of: {{data, future, input, rego}}, got: {found}"),
        );
        None
    }

    /// Refuses a path that ends with a keyword: the name could not be used.
    fn check_last(&mut self, import: &Import) {
        let Some(last) = import.path.last() else {
            return;
        };
        if import.path.len() > 1 && head_of(&import.path) == "future" {
            return;
        }
        if let TermKind::Var(name) | TermKind::String(name) = &last.kind
            && is_keyword(name)
        {
            self.hint("import a different path or use an alias");
            self.error(
                last.span,
                format!("unexpected import path, must not end with a keyword, got: {name}"),
            );
        }
    }

    fn import_rego(&mut self, import: &Import) {
        let v1 = matches!(import.path.as_slice(), [_, Term { kind: TermKind::String(name), .. }] if &**name == "v1");
        if !v1 && let Some(head) = import.path.first() {
            let path = super::display::reference(&import.path);
            self.error(
                head.span,
                format!("invalid import `{path}`, must be `rego.v1`"),
            );
        }
    }

    fn import_future(&mut self, import: &Import) {
        let Some(head) = import.path.first() else {
            return;
        };
        let names: Vec<&str> = import
            .path
            .iter()
            .skip(1)
            .filter_map(|part| match &part.kind {
                TermKind::String(name) => Some(&**name),
                _ => None,
            })
            .collect();
        if names.first() != Some(&"keywords") {
            self.error(head.span, "invalid import, must be `future.keywords`");
            return;
        }
        if import.alias.is_some() {
            self.error(head.span, "`future` imports cannot be aliased");
            return;
        }
        match names.get(1) {
            Some(name) if names.len() == 2 => {
                if !FUTURE.contains(name) {
                    let known = FUTURE.join(" ");
                    self.error(
                        head.span,
                        format!("unexpected keyword, must be one of [{known}]"),
                    );
                    return;
                }
                self.keywords.not |= *name == "not";
                self.keywords.and |= *name == "and";
                self.keywords.or |= *name == "or";
            }
            _ => {
                self.keywords.not = true;
                self.keywords.and = true;
                self.keywords.or = true;
            }
        }
    }
}

fn head_of(path: &[Term]) -> &str {
    match path.first().map(|head| &head.kind) {
        Some(TermKind::Var(name)) => name,
        _ => "",
    }
}
