//! Names of the API as enums that outlive it: a name that this version does not know is kept, not an error.

/// An enum whose variants have names in JSON, with `Other` for names that are newer than this crate.
macro_rules! open_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
            /// One that this version of the crate does not know.
            Other(Box<str>),
        }

        impl $name {
            /// The names that this version of the crate knows.
            pub const KNOWN: &[&str] = &[$($text),+];

            /// The name, as it stands in requests and answers.
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(name) => name,
                }
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                match name {
                    $($text => Self::$variant,)+
                    other => Self::Other(other.into()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
                Ok(Self::from(name.as_ref()))
            }
        }
    };
}

/// Setters of what a request may leave out.
macro_rules! optional {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)+) => {
        $(
            $(#[$doc])*
            #[must_use]
            pub fn $name(mut self, $name: impl Into<$type>) -> Self {
                self.$name = Some($name.into());
                self
            }
        )+
    };
}

pub(crate) use {open_enum, optional};

#[cfg(test)]
mod tests {
    use crate::Tier;

    #[test]
    fn a_name_from_the_future_comes_through_unchanged() {
        let tier: Tier = serde_json::from_str("\"overnight\"").expect("a name");
        assert_eq!(tier, Tier::Other("overnight".into()));
        assert_eq!(serde_json::to_string(&tier).expect("JSON"), "\"overnight\"");
        let tier: Tier = serde_json::from_str("\"batch\"").expect("a name");
        assert_eq!((&tier, tier.name()), (&Tier::Batch, "batch"));
        assert_eq!(format!("{tier:<7}|"), "batch  |");
    }
}
