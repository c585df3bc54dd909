//! Declarations of builtin functions: names and types, checked when a module is compiled.

/// Type of an argument or of a result. Constant, so that tables of declarations are `static`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Any,
    Null,
    Boolean,
    Number,
    String,
    OneOf(&'static [Type]),
    /// An array whose elements have one type.
    Array(&'static Type),
    /// An array of a fixed length.
    Tuple(&'static [Type]),
    Set(&'static Type),
    /// An object whose keys have one type and whose values have another.
    Object(&'static Type, &'static Type),
    /// An object with known members, and the types of keys and values of further ones when it may have them.
    Record(
        &'static [(&'static str, Type)],
        Option<(&'static Type, &'static Type)>,
    ),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Declaration {
    pub name: &'static str,
    pub args: &'static [Type],
    /// Type of any number of further arguments (`print`).
    pub variadic: Option<Type>,
    /// `None` for a function without a result (`print`): a call of it cannot be used as a value.
    pub result: Option<Type>,
    /// A call has any number of results (`walk`).
    pub relation: bool,
    /// Two calls with the same arguments may differ (`time.now_ns`, `rand.intn`).
    pub nondeterministic: bool,
    /// Refused by Rego v1 (`any`, `all`, `re_match`, `set_diff`, `cast_*`, `net.cidr_overlap`).
    pub deprecated: bool,
}

impl Declaration {
    /// A function with a fixed number of arguments and one result.
    #[must_use]
    pub const fn new(name: &'static str, args: &'static [Type], result: Type) -> Self {
        Self {
            name,
            args,
            variadic: None,
            result: Some(result),
            relation: false,
            nondeterministic: false,
            deprecated: false,
        }
    }

    /// The same function as one with any number of results.
    #[must_use]
    pub const fn relation(self) -> Self {
        Self {
            relation: true,
            ..self
        }
    }

    /// The same function as one whose results may differ between calls.
    #[must_use]
    pub const fn nondeterministic(self) -> Self {
        Self {
            nondeterministic: true,
            ..self
        }
    }

    /// The same function as one that Rego v1 refuses.
    #[must_use]
    pub const fn deprecated(self) -> Self {
        Self {
            deprecated: true,
            ..self
        }
    }
}
