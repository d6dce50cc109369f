//! Names that Graph has for things, as it spells them.
//!
//! Graph reads fixed segments in any letter case, ids in the case they have, and nothing in a path
//! says which is which. A name that is listed here is put in Graph's own spelling; one that is not
//! stays as it came, and is then allowed only by a rule that spells it so. What restricts is compared
//! without regard to case anyway, so a name that is missing here opens nothing.

use std::cmp::Ordering;

/// The name that this is in some letter case, as Graph spells it.
pub(super) fn spelled(segment: &str) -> Option<&'static str> {
    let found = NAMES
        .binary_search_by(|name| by_letters(name, segment))
        .ok()?;
    NAMES.get(found).copied()
}

fn by_letters(a: &str, b: &str) -> Ordering {
    let lower = |byte: u8| byte.to_ascii_lowercase();
    a.bytes().map(lower).cmp(b.bytes().map(lower))
}

/// Sorted without regard to case.
#[rustfmt::skip]
const NAMES: &[&str] = &[
    "accept", "acceptedSenders", "accessPackages", "accessReviews", "accountEnabled", "activities",
    "activityBasedTimeoutPolicies", "addFavorite", "addKey", "addPassword",
    "addTokenSigningCertificate", "admin", "adminConsentRequestPolicy", "administrativeUnits",
    "agreementAcceptances", "agreements", "alerts", "alerts_v2", "allChannels", "analytics",
    "apiConnectors", "appCatalogs", "appConsent", "applications", "applicationTemplates",
    "appManagementPolicies", "appRoleAssignedTo", "appRoleAssignments", "archive", "assignLicense",
    "assignmentPolicies", "assignmentRequests", "assignments", "associatedTeams", "attachments",
    "attendanceReports", "auditLogs", "authentication", "authenticationContextClassReferences",
    "authenticationMethodConfigurations", "authenticationMethodsPolicy", "authenticationStrength",
    "authorizationPolicy", "b2xUserFlows", "bitlocker", "bookingBusinesses", "bookingCurrencies",
    "buckets", "bundles", "businessPhones", "calendar", "calendarGroups", "calendarPermissions",
    "calendars", "calendarView", "callRecords", "calls", "cancel", "cases",
    "certificateBasedAuthConfiguration", "changePassword", "channels", "charts", "chats", "checkin",
    "checklistItems", "checkMemberGroups", "checkMemberObjects", "checkout", "childFolders",
    "children", "claimsMappingPolicies", "clearPresence", "clearUserPreferredPresence", "clone",
    "columns", "communications", "completeMigration", "compliance", "conditionalAccess",
    "conditionalAccessPolicies", "confirmCompromised", "connections", "contactFolders", "contacts",
    "content", "contentStream", "contentTypes", "contracts", "conversations", "copilot", "copy",
    "createdObjects", "createdOnBehalfOf", "createForward", "createLink", "createOrGet",
    "createReply", "createReplyAll", "createUploadSession", "crossTenantAccessPolicy",
    "dataPolicyOperations", "decisions", "decline", "defaultAppManagementPolicy", "definitions",
    "delegatedPermissionClassifications", "deletedItems", "deletedTeams", "delta", "department",
    "details", "detectedApps", "deviceAppManagement", "deviceCompliancePolicies",
    "deviceConfigurations", "deviceManagement", "devices", "directory", "directoryAudits",
    "directoryObjects", "directoryRoles", "directoryRoleTemplates", "directReports", "dismiss",
    "dismissReminder", "displayName", "domainNameReferences", "domains", "drive", "drives",
    "ediscoveryCases", "education", "emailMethods", "employeeExperience", "employeeId", "endpoints",
    "entitlementManagement", "events", "exportDeviceAndAppManagementData", "exportPersonalData",
    "extensionProperties", "extensions", "external", "featureRolloutPolicies",
    "federatedIdentityCredentials", "federationConfigurations", "fido2Methods", "filesFolder",
    "filterOperators", "findMeetingTimes", "follow", "followedSites", "following", "forceDelete",
    "forward", "functions", "getAllMessages", "getAvailableExtensionProperties", "getByIds",
    "getMailTips", "getMemberGroups", "getMemberObjects", "getRecentNotebooks", "getSchedule",
    "givenName", "grant", "groupLifecyclePolicies", "groups", "groupSettings",
    "groupSettingTemplates", "history", "homeRealmDiscoveryPolicies", "hostedContents", "id",
    "identities", "identity", "identityGovernance", "identityProtection", "identityProviders",
    "identitySecurityDefaultsEnforcementPolicy", "incidents", "incomingChannels",
    "inferenceClassification", "informationProtection", "informationProtectionPolicy", "insights",
    "installedApps", "instances", "instantiate", "invalidateAllRefreshTokens", "invitations",
    "invite", "items", "jobs", "jobTitle", "joinedTeams", "licenseDetails", "lifecycleWorkflows",
    "linkedResources", "listItem", "lists", "mail", "mailboxSettings", "mailFolders",
    "mailNickname", "managedAppPolicies", "managedDevices", "manager", "masterCategories", "me",
    "memberOf", "members", "membersWithLicenseErrors", "messageRules", "messages", "methods",
    "microsoftAuthenticatorMethods", "mobileApps", "mobilePhone", "move", "namedLocations",
    "notebooks", "oauth2PermissionGrants", "officeLocation", "onenote", "onlineMeetings",
    "onPremisesImmutableId", "openShifts", "operations", "organization", "otherMails", "outlook",
    "overrides", "ownedDevices", "ownedObjects", "owners", "pages", "passwordMethods",
    "passwordProfile", "people", "permanentDelete", "permissionGrantPolicies", "permissionGrants",
    "permissions", "phoneMethods", "photo", "photos", "places", "planner", "plans",
    "platformCredentialMethods", "policies", "posts", "preferredLanguage", "presence", "presences",
    "preview", "primaryChannel", "print", "printers", "privacy", "privilegedAccess", "promote",
    "provisioning", "proxyAddresses", "query", "range", "rebootNow", "recordings", "recoveryKeys",
    "registeredDevices", "registeredOwners", "registeredUsers", "rejectedSenders", "relations",
    "reminderView", "remoteDesktopSecurityConfiguration", "remoteLock",
    "removeAllDevicesFromManagement", "removeFavorite", "removeKey", "removePassword", "renew",
    "replies", "reply", "replyAll", "reports", "reprocessLicenseAssignment", "resetPassword",
    "resetUnseenCount", "resources", "restore", "retire", "retryServiceProvisioning",
    "revokeSignInSessions", "riskDetections", "riskyServicePrincipals", "riskyUsers",
    "roleAssignments", "roleAssignmentScheduleInstances", "roleAssignmentScheduleRequests",
    "roleAssignmentSchedules", "roleDefinitions", "roleEligibilityScheduleInstances",
    "roleEligibilityScheduleRequests", "roleEligibilitySchedules", "roleManagement",
    "roleManagementPolicies", "roleManagementPolicyAssignments", "root", "rows", "runHuntingQuery",
    "schedule", "schema", "schemaExtensions", "scopedRoleMembers", "scopedRoleMemberships",
    "search", "secrets", "sectionGroups", "sections", "secureScoreControlProfiles", "secureScores",
    "security", "send", "sendMail", "sensitivityLabels", "serviceConfigurationRecords",
    "servicePrincipalRiskDetections", "servicePrincipals", "setPresence", "sets",
    "setStatusMessage", "settings", "setUserPreferredPresence", "shared", "sharedWithTeams",
    "shares", "shifts", "signIns", "sites", "snoozeReminder", "softwareOathMethods", "solutions",
    "special", "sponsors", "storage", "subscribeByMail", "subscribedSkus", "subscriptions",
    "supportedLanguages", "supportedTimeZones", "surname", "syncDevice", "synchronization",
    "tables", "tabs", "tasks", "teams", "teamsApps", "teamwork", "templates",
    "temporaryAccessPassMethods", "tenantRelationships", "tentativelyAccept", "terms", "termsOfUse",
    "termStore", "termStores", "threads", "threatIntelligence", "thumbnails", "timeOffReasons",
    "timesOff", "todo", "tokenIssuancePolicies", "tokenLifetimePolicies", "transcripts",
    "transitiveMemberOf", "transitiveMembers", "translateExchangeIds", "trending", "unarchive",
    "unfollow", "unsubscribeByMail", "used", "usedRange", "userFlowAttributes", "userPrincipalName",
    "users", "validatePermission", "validateProperties", "verificationDnsRecords", "verify",
    "versions", "windows", "windowsHelloForBusinessMethods", "wipe",
    "wipeManagedAppRegistrationsByDeviceTag", "workbook", "worksheets",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        let sorted = NAMES
            .windows(2)
            .all(|two| by_letters(two[0], two[1]).is_lt());
        assert!(sorted, "{NAMES:?}");
        for name in NAMES {
            assert_eq!(spelled(&name.to_uppercase()), Some(*name));
        }
        assert_eq!(spelled("mailfolder"), None);
    }
}
