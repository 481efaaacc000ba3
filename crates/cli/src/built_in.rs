//! The sources inside this command. Written by `cargo xtask gen` from the folders of rules/.

use crate::sources::{BuiltIn, Declared};

pub(crate) static DECLARED: &[Declared] = &[
    Declared {
        id: "asana",
        source: include_str!("../../../rules/asana/source.yaml"),
        button: None,
    },
    Declared {
        id: "atlassian-organization",
        source: include_str!("../../../rules/atlassian-organization/source.yaml"),
        button: None,
    },
    Declared {
        id: "azure-ad",
        source: include_str!("../../../rules/azure-ad/source.yaml"),
        button: None,
    },
    Declared {
        id: "chatgpt-enterprise",
        source: include_str!("../../../rules/chatgpt-enterprise/source.yaml"),
        button: None,
    },
    Declared {
        id: "claude",
        source: include_str!("../../../rules/claude/source.yaml"),
        button: None,
    },
    Declared {
        id: "claude-code",
        source: include_str!("../../../rules/claude-code/source.yaml"),
        button: None,
    },
    Declared {
        id: "claude-enterprise-analytics",
        source: include_str!("../../../rules/claude-enterprise-analytics/source.yaml"),
        button: None,
    },
    Declared {
        id: "codex-enterprise-analytics",
        source: include_str!("../../../rules/codex-enterprise-analytics/source.yaml"),
        button: None,
    },
    Declared {
        id: "confluence-cloud",
        source: include_str!("../../../rules/confluence-cloud/source.yaml"),
        button: Some((
            "image/svg+xml",
            include_bytes!("../../../rules/confluence-cloud/connect.svg"),
        )),
    },
    Declared {
        id: "cursor",
        source: include_str!("../../../rules/cursor/source.yaml"),
        button: None,
    },
    Declared {
        id: "dropbox-business",
        source: include_str!("../../../rules/dropbox-business/source.yaml"),
        button: Some((
            "image/svg+xml",
            include_bytes!("../../../rules/dropbox-business/connect.svg"),
        )),
    },
    Declared {
        id: "gcal",
        source: include_str!("../../../rules/gcal/source.yaml"),
        button: None,
    },
    Declared {
        id: "gdirectory",
        source: include_str!("../../../rules/gdirectory/source.yaml"),
        button: None,
    },
    Declared {
        id: "gdrive",
        source: include_str!("../../../rules/gdrive/source.yaml"),
        button: None,
    },
    Declared {
        id: "gemini-in-workspace-apps",
        source: include_str!("../../../rules/gemini-in-workspace-apps/source.yaml"),
        button: None,
    },
    Declared {
        id: "github",
        source: include_str!("../../../rules/github/source.yaml"),
        button: None,
    },
    Declared {
        id: "github-copilot",
        source: include_str!("../../../rules/github-copilot/source.yaml"),
        button: None,
    },
    Declared {
        id: "github-enterprise-server",
        source: include_str!("../../../rules/github-enterprise-server/source.yaml"),
        button: Some((
            "image/svg+xml",
            include_bytes!("../../../rules/github-enterprise-server/connect.svg"),
        )),
    },
    Declared {
        id: "github-non-enterprise",
        source: include_str!("../../../rules/github-non-enterprise/source.yaml"),
        button: None,
    },
    Declared {
        id: "gitlab-cloud",
        source: include_str!("../../../rules/gitlab-cloud/source.yaml"),
        button: None,
    },
    Declared {
        id: "gitlab-managed",
        source: include_str!("../../../rules/gitlab-managed/source.yaml"),
        button: None,
    },
    Declared {
        id: "glean",
        source: include_str!("../../../rules/glean/source.yaml"),
        button: None,
    },
    Declared {
        id: "gmail",
        source: include_str!("../../../rules/gmail/source.yaml"),
        button: None,
    },
    Declared {
        id: "gong-metrics",
        source: include_str!("../../../rules/gong-metrics/source.yaml"),
        button: Some((
            "image/svg+xml",
            include_bytes!("../../../rules/gong-metrics/connect.svg"),
        )),
    },
    Declared {
        id: "google-chat",
        source: include_str!("../../../rules/google-chat/source.yaml"),
        button: None,
    },
    Declared {
        id: "google-meet",
        source: include_str!("../../../rules/google-meet/source.yaml"),
        button: None,
    },
    Declared {
        id: "jira-cloud",
        source: include_str!("../../../rules/jira-cloud/source.yaml"),
        button: Some((
            "image/svg+xml",
            include_bytes!("../../../rules/jira-cloud/connect.svg"),
        )),
    },
    Declared {
        id: "jira-server",
        source: include_str!("../../../rules/jira-server/source.yaml"),
        button: None,
    },
    Declared {
        id: "msft-copilot",
        source: include_str!("../../../rules/msft-copilot/source.yaml"),
        button: None,
    },
    Declared {
        id: "msft-entra-id",
        source: include_str!("../../../rules/msft-entra-id/source.yaml"),
        button: None,
    },
    Declared {
        id: "msft-onedrive",
        source: include_str!("../../../rules/msft-onedrive/source.yaml"),
        button: None,
    },
    Declared {
        id: "msft-teams",
        source: include_str!("../../../rules/msft-teams/source.yaml"),
        button: None,
    },
    Declared {
        id: "outlook-cal",
        source: include_str!("../../../rules/outlook-cal/source.yaml"),
        button: None,
    },
    Declared {
        id: "outlook-mail",
        source: include_str!("../../../rules/outlook-mail/source.yaml"),
        button: None,
    },
    Declared {
        id: "salesforce",
        source: include_str!("../../../rules/salesforce/source.yaml"),
        button: None,
    },
    Declared {
        id: "slack-analytics",
        source: include_str!("../../../rules/slack-analytics/source.yaml"),
        button: None,
    },
    Declared {
        id: "slack-discovery-api",
        source: include_str!("../../../rules/slack-discovery-api/source.yaml"),
        button: None,
    },
    Declared {
        id: "windsurf",
        source: include_str!("../../../rules/windsurf/source.yaml"),
        button: None,
    },
    Declared {
        id: "zoom",
        source: include_str!("../../../rules/zoom/source.yaml"),
        button: None,
    },
];

pub(crate) static BUILT_IN: &[BuiltIn] = &[
    BuiltIn {
        id: "gcal",
        rules: include_str!("../../../rules/gcal/rules.yaml"),
        calls: include_str!("../../../rules/gcal/examples/calls.yaml"),
        originals: &[
            (
                "calendar-list",
                include_str!("../../../rules/gcal/examples/original/calendar-list.json"),
            ),
            (
                "calendar-primary",
                include_str!("../../../rules/gcal/examples/original/calendar-primary.json"),
            ),
            (
                "calendar-shared",
                include_str!("../../../rules/gcal/examples/original/calendar-shared.json"),
            ),
            (
                "event",
                include_str!("../../../rules/gcal/examples/original/event.json"),
            ),
            (
                "event-birthday",
                include_str!("../../../rules/gcal/examples/original/event-birthday.json"),
            ),
            (
                "event-imported",
                include_str!("../../../rules/gcal/examples/original/event-imported.json"),
            ),
            (
                "events-list",
                include_str!("../../../rules/gcal/examples/original/events-list.json"),
            ),
            (
                "events-list-next-page",
                include_str!("../../../rules/gcal/examples/original/events-list-next-page.json"),
            ),
            (
                "settings",
                include_str!("../../../rules/gcal/examples/original/settings.json"),
            ),
        ],
    },
    BuiltIn {
        id: "github",
        rules: include_str!("../../../rules/github/rules.yaml"),
        calls: include_str!("../../../rules/github/examples/calls.yaml"),
        originals: &[
            (
                "audit-log",
                include_str!("../../../rules/github/examples/original/audit-log.json"),
            ),
            (
                "audit-log-by-id",
                include_str!("../../../rules/github/examples/original/audit-log-by-id.json"),
            ),
            (
                "branches",
                include_str!("../../../rules/github/examples/original/branches.json"),
            ),
            (
                "commit",
                include_str!("../../../rules/github/examples/original/commit.json"),
            ),
            (
                "commit-comment-reactions",
                include_str!("../../../rules/github/examples/original/commit-comment-reactions.json"),
            ),
            (
                "commit-comments",
                include_str!("../../../rules/github/examples/original/commit-comments.json"),
            ),
            (
                "commits",
                include_str!("../../../rules/github/examples/original/commits.json"),
            ),
            (
                "graphql-errors",
                include_str!("../../../rules/github/examples/original/graphql-errors.json"),
            ),
            (
                "graphql-history",
                include_str!("../../../rules/github/examples/original/graphql-history.json"),
            ),
            (
                "graphql-members",
                include_str!("../../../rules/github/examples/original/graphql-members.json"),
            ),
            (
                "graphql-pull-requests",
                include_str!("../../../rules/github/examples/original/graphql-pull-requests.json"),
            ),
            (
                "graphql-saml",
                include_str!("../../../rules/github/examples/original/graphql-saml.json"),
            ),
            (
                "issue",
                include_str!("../../../rules/github/examples/original/issue.json"),
            ),
            (
                "issue-comment-reactions",
                include_str!("../../../rules/github/examples/original/issue-comment-reactions.json"),
            ),
            (
                "issue-comments",
                include_str!("../../../rules/github/examples/original/issue-comments.json"),
            ),
            (
                "issue-events",
                include_str!("../../../rules/github/examples/original/issue-events.json"),
            ),
            (
                "issue-reactions",
                include_str!("../../../rules/github/examples/original/issue-reactions.json"),
            ),
            (
                "issue-timeline",
                include_str!("../../../rules/github/examples/original/issue-timeline.json"),
            ),
            (
                "issues",
                include_str!("../../../rules/github/examples/original/issues.json"),
            ),
            (
                "org-members",
                include_str!("../../../rules/github/examples/original/org-members.json"),
            ),
            (
                "org-repos",
                include_str!("../../../rules/github/examples/original/org-repos.json"),
            ),
            (
                "pull-comments",
                include_str!("../../../rules/github/examples/original/pull-comments.json"),
            ),
            (
                "pull-commits",
                include_str!("../../../rules/github/examples/original/pull-commits.json"),
            ),
            (
                "pull-request",
                include_str!("../../../rules/github/examples/original/pull-request.json"),
            ),
            (
                "pull-requests",
                include_str!("../../../rules/github/examples/original/pull-requests.json"),
            ),
            (
                "pull-review-comments",
                include_str!("../../../rules/github/examples/original/pull-review-comments.json"),
            ),
            (
                "pull-reviews",
                include_str!("../../../rules/github/examples/original/pull-reviews.json"),
            ),
            (
                "repo-events",
                include_str!("../../../rules/github/examples/original/repo-events.json"),
            ),
            (
                "team-members",
                include_str!("../../../rules/github/examples/original/team-members.json"),
            ),
            (
                "teams",
                include_str!("../../../rules/github/examples/original/teams.json"),
            ),
            (
                "user",
                include_str!("../../../rules/github/examples/original/user.json"),
            ),
            (
                "user-bot",
                include_str!("../../../rules/github/examples/original/user-bot.json"),
            ),
        ],
    },
    BuiltIn {
        id: "jira-cloud",
        rules: include_str!("../../../rules/jira-cloud/rules.yaml"),
        calls: include_str!("../../../rules/jira-cloud/examples/calls.yaml"),
        originals: &[
            (
                "accessible-resources",
                include_str!("../../../rules/jira-cloud/examples/original/accessible-resources.json"),
            ),
            (
                "changelog",
                include_str!("../../../rules/jira-cloud/examples/original/changelog.json"),
            ),
            (
                "comments",
                include_str!("../../../rules/jira-cloud/examples/original/comments.json"),
            ),
            (
                "group-members",
                include_str!("../../../rules/jira-cloud/examples/original/group-members.json"),
            ),
            (
                "groups",
                include_str!("../../../rules/jira-cloud/examples/original/groups.json"),
            ),
            (
                "issue",
                include_str!("../../../rules/jira-cloud/examples/original/issue.json"),
            ),
            (
                "projects",
                include_str!("../../../rules/jira-cloud/examples/original/projects.json"),
            ),
            (
                "search",
                include_str!("../../../rules/jira-cloud/examples/original/search.json"),
            ),
            (
                "users",
                include_str!("../../../rules/jira-cloud/examples/original/users.json"),
            ),
            (
                "worklogs",
                include_str!("../../../rules/jira-cloud/examples/original/worklogs.json"),
            ),
        ],
    },
    BuiltIn {
        id: "outlook-cal",
        rules: include_str!("../../../rules/outlook-cal/rules.yaml"),
        calls: include_str!("../../../rules/outlook-cal/examples/calls.yaml"),
        originals: &[
            (
                "calendar-events",
                include_str!("../../../rules/outlook-cal/examples/original/calendar-events.json"),
            ),
            (
                "calendar-view",
                include_str!("../../../rules/outlook-cal/examples/original/calendar-view.json"),
            ),
            (
                "calendar-view-long",
                include_str!("../../../rules/outlook-cal/examples/original/calendar-view-long.json"),
            ),
            (
                "event",
                include_str!("../../../rules/outlook-cal/examples/original/event.json"),
            ),
            (
                "events-list",
                include_str!("../../../rules/outlook-cal/examples/original/events-list.json"),
            ),
            (
                "group",
                include_str!("../../../rules/outlook-cal/examples/original/group.json"),
            ),
            (
                "group-members",
                include_str!("../../../rules/outlook-cal/examples/original/group-members.json"),
            ),
            (
                "group-members-users",
                include_str!("../../../rules/outlook-cal/examples/original/group-members-users.json"),
            ),
            (
                "groups-list",
                include_str!("../../../rules/outlook-cal/examples/original/groups-list.json"),
            ),
            (
                "mailbox-settings",
                include_str!("../../../rules/outlook-cal/examples/original/mailbox-settings.json"),
            ),
            (
                "user",
                include_str!("../../../rules/outlook-cal/examples/original/user.json"),
            ),
            (
                "users-list",
                include_str!("../../../rules/outlook-cal/examples/original/users-list.json"),
            ),
            (
                "users-list-next-page",
                include_str!("../../../rules/outlook-cal/examples/original/users-list-next-page.json"),
            ),
        ],
    },
    BuiltIn {
        id: "salesforce",
        rules: include_str!("../../../rules/salesforce/rules.yaml"),
        calls: include_str!("../../../rules/salesforce/examples/calls.yaml"),
        originals: &[
            (
                "account-describe",
                include_str!("../../../rules/salesforce/examples/original/account-describe.json"),
            ),
            (
                "accounts",
                include_str!("../../../rules/salesforce/examples/original/accounts.json"),
            ),
            (
                "accounts-by-id",
                include_str!("../../../rules/salesforce/examples/original/accounts-by-id.json"),
            ),
            (
                "composite",
                include_str!("../../../rules/salesforce/examples/original/composite.json"),
            ),
            (
                "events",
                include_str!("../../../rules/salesforce/examples/original/events.json"),
            ),
            (
                "next-page",
                include_str!("../../../rules/salesforce/examples/original/next-page.json"),
            ),
            (
                "tasks",
                include_str!("../../../rules/salesforce/examples/original/tasks.json"),
            ),
            (
                "users",
                include_str!("../../../rules/salesforce/examples/original/users.json"),
            ),
        ],
    },
    BuiltIn {
        id: "slack-discovery-api",
        rules: include_str!("../../../rules/slack-discovery-api/rules.yaml"),
        calls: include_str!("../../../rules/slack-discovery-api/examples/calls.yaml"),
        originals: &[
            (
                "conversations-history",
                include_str!("../../../rules/slack-discovery-api/examples/original/conversations-history.json"),
            ),
            (
                "conversations-history-failed",
                include_str!("../../../rules/slack-discovery-api/examples/original/conversations-history-failed.json"),
            ),
            (
                "conversations-info",
                include_str!("../../../rules/slack-discovery-api/examples/original/conversations-info.json"),
            ),
            (
                "conversations-list",
                include_str!("../../../rules/slack-discovery-api/examples/original/conversations-list.json"),
            ),
            (
                "conversations-recent",
                include_str!("../../../rules/slack-discovery-api/examples/original/conversations-recent.json"),
            ),
            (
                "enterprise-info",
                include_str!("../../../rules/slack-discovery-api/examples/original/enterprise-info.json"),
            ),
            (
                "user-conversations",
                include_str!("../../../rules/slack-discovery-api/examples/original/user-conversations.json"),
            ),
            (
                "users-list",
                include_str!("../../../rules/slack-discovery-api/examples/original/users-list.json"),
            ),
        ],
    },
    BuiltIn {
        id: "zoom",
        rules: include_str!("../../../rules/zoom/rules.yaml"),
        calls: include_str!("../../../rules/zoom/examples/calls.yaml"),
        originals: &[
            (
                "meeting-personal-room",
                include_str!("../../../rules/zoom/examples/original/meeting-personal-room.json"),
            ),
            (
                "meeting-raw-slash",
                include_str!("../../../rules/zoom/examples/original/meeting-raw-slash.json"),
            ),
            (
                "meeting-scheduled",
                include_str!("../../../rules/zoom/examples/original/meeting-scheduled.json"),
            ),
            (
                "meeting-summary",
                include_str!("../../../rules/zoom/examples/original/meeting-summary.json"),
            ),
            (
                "meeting-summary-raw-slash",
                include_str!("../../../rules/zoom/examples/original/meeting-summary-raw-slash.json"),
            ),
            (
                "past-meeting",
                include_str!("../../../rules/zoom/examples/original/past-meeting.json"),
            ),
            (
                "past-meeting-instances",
                include_str!("../../../rules/zoom/examples/original/past-meeting-instances.json"),
            ),
            (
                "past-meeting-instances-raw-slash",
                include_str!("../../../rules/zoom/examples/original/past-meeting-instances-raw-slash.json"),
            ),
            (
                "past-meeting-participants",
                include_str!("../../../rules/zoom/examples/original/past-meeting-participants.json"),
            ),
            (
                "past-meeting-participants-raw-slash",
                include_str!("../../../rules/zoom/examples/original/past-meeting-participants-raw-slash.json"),
            ),
            (
                "past-meeting-personal-room",
                include_str!("../../../rules/zoom/examples/original/past-meeting-personal-room.json"),
            ),
            (
                "past-meeting-raw-slash",
                include_str!("../../../rules/zoom/examples/original/past-meeting-raw-slash.json"),
            ),
            (
                "report-meeting-participants",
                include_str!("../../../rules/zoom/examples/original/report-meeting-participants.json"),
            ),
            (
                "report-meeting-participants-raw-slash",
                include_str!("../../../rules/zoom/examples/original/report-meeting-participants-raw-slash.json"),
            ),
            (
                "report-user-meetings",
                include_str!("../../../rules/zoom/examples/original/report-user-meetings.json"),
            ),
            (
                "user-meetings",
                include_str!("../../../rules/zoom/examples/original/user-meetings.json"),
            ),
            (
                "user-recordings",
                include_str!("../../../rules/zoom/examples/original/user-recordings.json"),
            ),
            (
                "users-list",
                include_str!("../../../rules/zoom/examples/original/users-list.json"),
            ),
        ],
    },
];
