//! One shape for every group of options: private fields, documented getters, a builder with the same names, and the rows of
//! the table of options ([`crate::options`]). An option is declared here and nowhere else.

/// Declares a group of options: the struct, its defaults, its getters, its builder, and the rows of the table.
///
/// ```text
/// name: Type = "default as text" within LIMITS, since "0.2.0";
/// ```
///
/// An option without `within` has the limits of its type, one without `since` is there since 0.1.0. The comments of an option
/// are its documentation in every language; the default is added to them. The getters of `copy` options return the value, those
/// of `lend` options a reference. `parts` are groups inside this group. `kept` fields change nothing and are no options: old
/// programs set them. `builds Target = path` names what `build()` makes of the struct.
macro_rules! settings {
    (
        $(#[doc = $doc:literal])+
        $([$derive:ident])? $name:ident, $builder:ident builds $target:ty = $wrap:expr;
        $scope:ident $prefix:literal
        copy { $($(#[doc = $cdoc:literal])+ $copy:ident : $ctype:ty = $cdefault:literal
            $(within $climits:expr)? $(, since $csince:literal)?;)* }
        lend { $($(#[doc = $ldoc:literal])+ $lend:ident : $ltype:ty = $ldefault:literal
            $(within $llimits:expr)? $(, since $lsince:literal)?;)* }
        $(parts { $($(#[doc = $pdoc:literal])+ $part:ident : $ptype:ty;)* })?
        $(kept { $($(#[doc = $kdoc:literal])+ $kept:ident : $ktype:ty = $kdefault:expr;)* })?
        $(hidden { $($hidden:ident : $htype:ty;)* })?
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone $(, $derive)?)]
        pub struct $name {
            $($copy: $ctype,)*
            $($lend: $ltype,)*
            $($($part: $ptype,)*)?
            $($($kept: $ktype,)*)?
            $($(pub(super) $hidden: $htype,)*)?
        }

        impl Default for $name {
            fn default() -> Self {
                #[allow(unused_imports)]
                use $crate::table::Setting as _;
                Self {
                    $($copy: <$ctype>::of_table($cdefault, &settings!(@limits $ctype $(, $climits)?)),)*
                    $($lend: <$ltype>::of_table($ldefault, &settings!(@limits $ltype $(, $llimits)?)),)*
                    $($($part: Default::default(),)*)?
                    $($($kept: $kdefault,)*)?
                    $($($hidden: Default::default(),)*)?
                }
            }
        }

        impl $target {
            /// Starts from the defaults.
            pub fn builder() -> $builder {
                $builder::default()
            }
        }

        impl $name {
            $($(#[doc = $cdoc])+ #[doc = concat!("\n\nDefault: `", $cdefault, "`.")]
            pub fn $copy(&self) -> $ctype { self.$copy })*
            $($(#[doc = $ldoc])+ #[doc = concat!("\n\nDefault: `", $ldefault, "`.")]
            pub fn $lend(&self) -> &$ltype { &self.$lend })*
            $($($(#[doc = $pdoc])+ pub fn $part(&self) -> &$ptype { &self.$part })*)?
            $($($(#[doc = $kdoc])+ pub fn $kept(&self) -> $ktype { self.$kept })*)?
        }

        impl $crate::table::Group for $name {
            fn rows() -> Vec<$crate::table::Row> {
                #[allow(unused_imports)]
                use $crate::table::{Group as _, Row, Scope, Section};
                #[allow(unused_variables)]
                let section = Section { name: stringify!($target), prefix: $prefix, doc: concat!($($doc, "\n"),+) };
                #[allow(unused_mut)]
                let mut rows = vec![
                    $(Row::new::<$ltype>(
                        section, Scope::$scope, concat!($prefix, stringify!($lend)), concat!($($ldoc),+), $ldefault,
                        settings!(@limits $ltype $(, $llimits)?), settings!(@since $($lsince)?),
                    ),)*
                    $(Row::new::<$ctype>(
                        section, Scope::$scope, concat!($prefix, stringify!($copy)), concat!($($cdoc),+), $cdefault,
                        settings!(@limits $ctype $(, $climits)?), settings!(@since $($csince)?),
                    ),)*
                ];
                $($(rows.extend(<$ptype as $crate::table::Group>::rows());)*)?
                rows
            }

            #[allow(unused_variables)]
            fn set(&mut self, key: &str, text: &str) -> Option<Result<(), String>> {
                #[allow(unused_imports)]
                use $crate::table::{Group as _, Setting as _};
                $(if key == concat!($prefix, stringify!($copy)) {
                    let limits = settings!(@limits $ctype $(, $climits)?);
                    return Some(<$ctype>::within(text, &limits).map(|value| self.$copy = value));
                })*
                $(if key == concat!($prefix, stringify!($lend)) {
                    let limits = settings!(@limits $ltype $(, $llimits)?);
                    return Some(<$ltype>::within(text, &limits).map(|value| self.$lend = value));
                })*
                $($(if let Some(done) = self.$part.set(key, text) {
                    return Some(done);
                })*)?
                None
            }

            fn get(&self, key: &str) -> Option<String> {
                #[allow(unused_imports)]
                use $crate::table::{Group as _, Setting as _};
                $(if key == concat!($prefix, stringify!($copy)) {
                    return Some(self.$copy.show(&settings!(@limits $ctype $(, $climits)?)));
                })*
                $(if key == concat!($prefix, stringify!($lend)) {
                    return Some(self.$lend.show(&settings!(@limits $ltype $(, $llimits)?)));
                })*
                $($(if let Some(text) = self.$part.get(key) {
                    return Some(text);
                })*)?
                None
            }

            fn check(&self) -> $crate::error::Result<()> {
                #[allow(unused_imports)]
                use $crate::table::{Group as _, Setting as _};
                $(self.$copy.check(&settings!(@limits $ctype $(, $climits)?))
                    .map_err(|problem| $crate::error::Error::argument(concat!($prefix, stringify!($copy)), problem))?;)*
                $(self.$lend.check(&settings!(@limits $ltype $(, $llimits)?))
                    .map_err(|problem| $crate::error::Error::argument(concat!($prefix, stringify!($lend)), problem))?;)*
                $($(self.$part.check()?;)*)?
                Ok(())
            }
        }

        #[doc = concat!("Builds a [`", stringify!($target), "`]; what is not set keeps its default.")]
        #[derive(Debug, Clone, Default)]
        pub struct $builder { inner: $name }

        impl $builder {
            $($(#[doc = $cdoc])+ #[doc = concat!("\n\nDefault: `", $cdefault, "`.")]
            pub fn $copy(mut self, $copy: $ctype) -> Self {
                self.inner.$copy = $copy;
                self
            })*
            $($(#[doc = $ldoc])+ #[doc = concat!("\n\nDefault: `", $ldefault, "`.")]
            pub fn $lend(mut self, $lend: $ltype) -> Self {
                self.inner.$lend = $lend;
                self
            })*
            $($($(#[doc = $pdoc])+ pub fn $part(mut self, $part: $ptype) -> Self {
                self.inner.$part = $part;
                self
            })*)?
            $($($(#[doc = $kdoc])+ pub fn $kept(mut self, $kept: $ktype) -> Self {
                self.inner.$kept = $kept;
                self
            })*)?

            /// The finished options. They are checked when a topic or a node is made with them.
            pub fn build(self) -> $target { ($wrap)(self.inner) }
        }
    };
    (@limits $type:ty) => { <$type as $crate::table::Setting>::LIMITS };
    (@limits $type:ty, $limits:expr) => { $limits };
    (@since) => { "0.1.0" };
    (@since $since:literal) => { $since };
}
pub(crate) use settings;

/// Declares a group of options that can be switched off as a whole, by the option `enabled`.
macro_rules! switched {
    (
        $(#[doc = $doc:literal])+
        $name:ident, $settings:ident; $key:literal
        $(#[doc = $edoc:literal])+
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq)]
        pub enum $name {
            /// On, with these settings.
            Enabled($settings),
            /// Off.
            Disabled,
        }

        impl $name {
            /// The settings, if it is enabled.
            pub fn enabled(&self) -> Option<&$settings> {
                match self {
                    Self::Enabled(settings) => Some(settings),
                    Self::Disabled => None,
                }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::Enabled($settings::default())
            }
        }

        impl $crate::table::Group for $name {
            fn rows() -> Vec<$crate::table::Row> {
                let mut rows = <$settings as $crate::table::Group>::rows();
                let (section, scope) = (rows[0].section, rows[0].scope);
                let doc = concat!($($edoc),+);
                let limits = $crate::table::Limits::None;
                rows.insert(0, $crate::table::Row::new::<bool>(section, scope, $key, doc, "true", limits, "0.1.0"));
                rows
            }

            fn set(&mut self, key: &str, text: &str) -> Option<Result<(), String>> {
                use $crate::table::{Limits, Setting as _};
                if key != $key {
                    // A setting of what is switched off is checked, and has no effect.
                    return match self {
                        Self::Enabled(settings) => settings.set(key, text),
                        Self::Disabled => $settings::default().set(key, text),
                    };
                }
                let was_on = self.enabled().is_some();
                Some(bool::within(text, &Limits::None).map(|is_on| {
                    if is_on != was_on {
                        *self = if is_on { Self::default() } else { Self::Disabled };
                    }
                }))
            }

            fn get(&self, key: &str) -> Option<String> {
                match self {
                    _ if key == $key => Some(self.enabled().is_some().to_string()),
                    Self::Enabled(settings) => settings.get(key),
                    Self::Disabled => None,
                }
            }

            fn check(&self) -> $crate::error::Result<()> {
                self.enabled().map_or(Ok(()), |settings| settings.check())
            }
        }
    };
}
pub(crate) use switched;
