//! The name of an image: registry and repository, tag, digest.
//!
//! Invariants: pure. Two names of one image are told apart here as engines tell them apart.

/// The registry of names that name none.
const REGISTRY_DEFAULT: &str = "docker.io";
const TAG_DEFAULT: &str = "latest";

/// An image's name in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Registry and repository, as they were written.
    pub(crate) name: String,
    pub(crate) tag: Option<String>,
    /// Such as `sha256:…`; it wins over a tag.
    pub(crate) digest: Option<String>,
}

impl Reference {
    pub(crate) fn parse(text: &str) -> Self {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.to_owned())),
            None => (text, None),
        };
        let repository = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match rest[repository..].find(':') {
            Some(colon) => (&rest[..repository + colon], Some(rest[repository + colon + 1..].to_owned())),
            None => (rest, None),
        };
        Self { name: name.to_owned(), tag, digest }
    }

    pub(crate) fn tag_or_digest(&self) -> &str {
        self.digest.as_deref().or(self.tag.as_deref()).unwrap_or(TAG_DEFAULT)
    }

    /// The host that is asked for it.
    pub(crate) fn registry(&self) -> &str {
        match self.name.split_once('/') {
            Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first,
            _ => REGISTRY_DEFAULT,
        }
    }

    /// The full name of its repository, as it stands before a digest.
    pub(crate) fn repository(&self) -> String {
        match self.registry() {
            REGISTRY_DEFAULT => {
                let path = self.name.strip_prefix("docker.io/").unwrap_or(&self.name);
                path.strip_prefix("library/").unwrap_or(path).to_owned()
            }
            _ => self.name.clone(),
        }
    }

    /// The one of an image's names with digests that is of this repository.
    pub(crate) fn resolved<'a>(&self, repo_digests: &'a [String]) -> Option<&'a str> {
        let repository = self.repository();
        let is_ours = |name: &&String| Self::parse(name).repository() == repository;
        repo_digests.iter().find(is_ours).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, name: &str, tag_or_digest: &str, registry: &str) {
        let reference = Reference::parse(text);
        let found = (reference.name.as_str(), reference.tag_or_digest(), reference.registry());
        assert_eq!(found, (name, tag_or_digest, registry), "{text}");
    }

    #[test]
    fn names_are_taken_apart_as_docker_does() {
        check("model", "model", "latest", "docker.io");
        check("model:1", "model", "1", "docker.io");
        check("team/model:1", "team/model", "1", "docker.io");
        check("127.0.0.1:5000/model", "127.0.0.1:5000/model", "latest", "127.0.0.1:5000");
        check("127.0.0.1:5000/model:1", "127.0.0.1:5000/model", "1", "127.0.0.1:5000");
        check("localhost/model", "localhost/model", "latest", "localhost");
        check("r.io/a/b:1@sha256:00ff", "r.io/a/b", "sha256:00ff", "r.io");
    }

    #[test]
    fn the_digest_is_that_of_the_own_repository() {
        let digests = ["r.io/other@sha256:01", "r.io/model@sha256:02"].map(str::to_owned);
        assert_eq!(Reference::parse("r.io/model:1").resolved(&digests), Some("r.io/model@sha256:02"));
        assert_eq!(Reference::parse("r.io/mine:1").resolved(&digests), None);
        // Docker leaves out what it takes for granted.
        let digests = ["model@sha256:03".to_owned()];
        let full = Reference::parse("docker.io/library/model:1");
        assert_eq!(full.resolved(&digests), Some("model@sha256:03"));
    }
}
