//! One shape for every group of options: private fields, documented getters, a builder with the same names.

/// Declares a group of options: the struct, its defaults, its getters and its builder.
///
/// Getters of the `copy` fields return the value, those of the `lend` fields a reference.
/// `builds Target = path` names what `build()` makes of the struct.
macro_rules! settings {
    (
        $(#[$meta:meta])* $name:ident, $builder:ident builds $target:ty = $wrap:expr;
        copy { $($(#[doc = $cdoc:literal])+ $copy:ident : $ctype:ty = $cdefault:expr;)* }
        lend { $($(#[doc = $ldoc:literal])+ $lend:ident : $ltype:ty = $ldefault:expr;)* }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name { $($copy: $ctype,)* $($lend: $ltype,)* }

        impl Default for $name {
            fn default() -> Self {
                Self { $($copy: $cdefault,)* $($lend: $ldefault,)* }
            }
        }

        impl $name {
            $($(#[doc = $cdoc])+ pub fn $copy(&self) -> $ctype { self.$copy })*
            $($(#[doc = $ldoc])+ pub fn $lend(&self) -> &$ltype { &self.$lend })*
        }

        #[doc = concat!("Builds a [`", stringify!($target), "`]; what is not set keeps its default.")]
        #[derive(Debug, Clone, Default)]
        pub struct $builder { inner: $name }

        impl $builder {
            $($(#[doc = $cdoc])+ pub fn $copy(mut self, $copy: $ctype) -> Self {
                self.inner.$copy = $copy;
                self
            })*
            $($(#[doc = $ldoc])+ pub fn $lend(mut self, $lend: $ltype) -> Self {
                self.inner.$lend = $lend;
                self
            })*

            /// The finished options. They are checked when a topic is joined with them.
            pub fn build(self) -> $target { ($wrap)(self.inner) }
        }
    };
}
pub(super) use settings;
