//! The check of `HUSHGATE_PLATFORM_CALLERS`: a platform's word counts on that platform only.

use hushgate_gateway::access::PlatformCallers;

use super::Environment;
use super::check::Verdict;
use super::variables::value;

/// Set in every container of a Kubernetes cluster
/// (<https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables>).
const KUBERNETES: &str = "KUBERNETES_SERVICE_HOST";

pub(super) fn platform_callers(text: &str, environment: &Environment) -> Verdict {
    let callers =
        PlatformCallers::from_word(text).ok_or("not one of the allowed words".to_owned())?;
    // The variables that make a process a function of the platform. Both at once are a problem of
    // their own.
    let mark = match callers {
        PlatformCallers::AwsIam => "AWS_LAMBDA_RUNTIME_API",
        PlatformCallers::CloudRun => "K_SERVICE",
    };
    if value(environment, mark).is_none() {
        return Err(format!(
            "this host is not that platform ({mark} is not set)"
        ));
    }
    // Knative sets the mark of Cloud Run in a cluster, where nobody checks tokens.
    match value(environment, KUBERNETES) {
        Some(_) => Err(format!(
            "this host is not that platform but Kubernetes ({KUBERNETES} is set)"
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn starts(word: &str, marks: &[&str]) -> bool {
        let mut environment: Environment = marks
            .iter()
            .map(|mark| ((*mark).to_owned(), "x".to_owned()))
            .collect();
        environment.insert("HUSHGATE_PLATFORM_CALLERS".to_owned(), word.to_owned());
        Config::read(&environment).is_ok()
    }

    #[test]
    fn a_platform_counts_on_its_own_host_only() {
        let all = [
            "AWS_LAMBDA_RUNTIME_API",
            "AWS_LAMBDA_FUNCTION_NAME",
            "K_SERVICE",
            "FUNCTION_TARGET",
        ];
        for set in 0..16_u32 {
            let marks: Vec<&str> = (0..4)
                .filter(|i| set & (0b1 << i) != 0)
                .map(|i| all[i])
                .collect();
            let (aws, google) = (set & 0b0011, set & 0b1100);
            assert_eq!(
                starts("aws-iam", &marks),
                aws & 0b0001 != 0 && google == 0,
                "{marks:?}"
            );
            assert_eq!(
                starts("cloud-run", &marks),
                google & 0b0100 != 0 && aws == 0,
                "{marks:?}"
            );
        }
    }

    #[test]
    fn a_cluster_is_no_platform_whatever_it_is_called() {
        let cluster = "KUBERNETES_SERVICE_HOST";
        assert!(!starts("cloud-run", &["K_SERVICE", cluster]));
        assert!(!starts("aws-iam", &["AWS_LAMBDA_RUNTIME_API", cluster]));
    }

    #[test]
    fn a_blank_mark_is_no_mark() {
        let blank = [("K_SERVICE".to_owned(), "  ".to_owned())].into();
        assert!(platform_callers("cloud-run", &blank).is_err());
    }

    #[test]
    fn only_the_two_words_are_taken() {
        for word in [
            "AWS-IAM",
            "aws",
            "aws_iam",
            "cloudrun",
            "gcp",
            "1",
            "true",
            "aws-iam,cloud-run",
            "cloud-run aws-iam",
        ] {
            for mark in ["AWS_LAMBDA_RUNTIME_API", "K_SERVICE"] {
                assert!(!starts(word, &[mark]), "{word}");
            }
        }
    }
}
