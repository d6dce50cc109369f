//! Issuers of many tenants: whose token, signed by a key for whom.

use super::{Attack, Family};
use crate::forge::{
    AUTHORITY, Draft, OBJECT, PARTNERS, SECOND_TENANT, TENANT, THIRD_TENANT, WORLD,
};
use serde_json::json;
use sluice::auth::AuthError::*;
use sluice::auth::Claim;

pub const FAMILIES: &[Family] = &[
    Family {
        name: "a listed tenant",
        good: || Draft::tenant(PARTNERS, SECOND_TENANT),
        attacks: LISTED,
    },
    Family {
        name: "a listed tenant, version 1",
        good: || Draft::tenant_v1(PARTNERS, SECOND_TENANT),
        attacks: VERSION_1,
    },
    Family {
        name: "the tenant that the key is for",
        good: || with_kid(Draft::tenant(PARTNERS, TENANT), "first"),
        attacks: OWN_KEY,
    },
    Family {
        name: "any tenant",
        good: || Draft::tenant(WORLD, THIRD_TENANT),
        attacks: ANY,
    },
];

fn with_kid(mut draft: Draft, kid: &str) -> Draft {
    draft.header["kid"] = json!(kid);
    draft
}

/// Says that it is from another tenant.
fn move_to(draft: &mut Draft, tenant: &str) {
    draft.claims["iss"] = json!(format!("{PARTNERS}/{tenant}/v2.0"));
    draft.claims["tid"] = json!(tenant);
}

#[rustfmt::skip] // One attack a line.
const LISTED: &[Attack] = &[
    ("by a key for another tenant", |d| d.header["kid"] = json!("first"), KeyIssuerDisagrees),
    ("by a key for nobody in particular", |d| d.header["kid"] = json!("nobody"), KeyWithoutIssuer),
    ("by a key for another authority's tenants", |d| d.header["kid"] = json!("stranger"), KeyIssuerDisagrees),
    ("by a key that names a tenant alone", |d| d.header["kid"] = json!("bare"), KeyIssuerDisagrees),
    ("by a key for the other form", |d| d.header["kid"] = json!("v1"), KeyIssuerDisagrees),
    ("by a key of another cloud", |d| d.header["kid"] = json!("other-cloud"), UnknownKey),
    ("by a key of no cloud", |d| d.header["kid"] = json!("no-cloud"), UnknownKey),
    ("of a tenant that is not listed", |d| move_to(d, THIRD_TENANT), UnknownIssuer),
    ("of no tenant", |d| move_to(d, "00000000-0000-0000-0000-000000000000"), UnknownIssuer),
    ("of the template itself", |d| move_to(d, "{tenantid}"), UnknownIssuer),
    ("of the common endpoint", |d| move_to(d, "common"), UnknownIssuer),
    ("of the organizations endpoint", |d| move_to(d, "organizations"), UnknownIssuer),
    ("in upper case", |d| move_to(d, &SECOND_TENANT.to_uppercase()), UnknownIssuer),
    ("tid of the other listed tenant", |d| d.claims["tid"] = json!(TENANT), WrongTenant),
    ("tid of the template", |d| d.claims["tid"] = json!("{tenantid}"), ClaimMalformed(Claim::Tenant)),
    ("no tid", |d| d.without("tid"), ClaimMissing(Claim::Tenant)),
    ("iss of the other listed tenant", |d| d.claims["iss"] = json!(format!("{PARTNERS}/{TENANT}/v2.0")), WrongTenant),
    ("iss of another authority", |d| d.claims["iss"] = json!(format!("{AUTHORITY}/{SECOND_TENANT}/v2.0")), UnknownIssuer),
    ("iss with two tenants", |d| d.claims["iss"] = json!(format!("{PARTNERS}/{TENANT}/{SECOND_TENANT}/v2.0")), UnknownIssuer),
    ("iss without a tenant", |d| d.claims["iss"] = json!(format!("{PARTNERS}/v2.0")), UnknownIssuer),
    ("ver of the other form", |d| d.claims["ver"] = json!("1.0"), VersionDisagrees),
    ("an agent's account that is an application", |d| d.claims["xms_sub_fct"] = json!("13"), KindContradicts),
    ("facets that are no numbers", |d| d.claims["xms_act_fct"] = json!("agent 11"), ClaimMalformed(Claim::Facets)),
    ("facets in a list", |d| d.claims["xms_act_fct"] = json!(["11"]), ClaimMalformed(Claim::Facets)),
    ("facets as a number", |d| d.claims["xms_sub_fct"] = json!(11), ClaimMalformed(Claim::Facets)),
    ("a blueprint that is no GUID", |d| d.claims["xms_par_app_azp"] = json!("mine"), ClaimMalformed(Claim::Blueprint)),
];

#[rustfmt::skip] // One attack a line.
const VERSION_1: &[Attack] = &[
    ("by a key for the form of version 1", |d| d.header["kid"] = json!("v1"), KeyIssuerDisagrees),
    ("by a key for another tenant", |d| d.header["kid"] = json!("first"), KeyIssuerDisagrees),
    ("by a key for nobody in particular", |d| d.header["kid"] = json!("nobody"), KeyWithoutIssuer),
    ("iss without the final slash", |d| d.claims["iss"] = json!(format!("{PARTNERS}/{SECOND_TENANT}")), UnknownIssuer),
    ("of a tenant that is not listed", |d| d.claims["iss"] = json!(format!("{PARTNERS}/{THIRD_TENANT}/")), UnknownIssuer),
    ("iss of the public cloud's service", |d| d.claims["iss"] = json!(format!("https://sts.windows.net/{SECOND_TENANT}/")), UnknownIssuer),
    ("tid of another", |d| d.claims["tid"] = json!(TENANT), WrongTenant),
];

#[rustfmt::skip] // One attack a line.
const OWN_KEY: &[Attack] = &[
    ("of the other listed tenant", |d| move_to(d, SECOND_TENANT), KeyIssuerDisagrees),
    ("tid of the other listed tenant", |d| d.claims["tid"] = json!(SECOND_TENANT), WrongTenant),
];

#[rustfmt::skip] // One attack a line.
const ANY: &[Attack] = &[
    ("by a key for another tenant", |d| d.header["kid"] = json!("first"), KeyIssuerDisagrees),
    ("by a key for nobody in particular", |d| d.header["kid"] = json!("nobody"), KeyWithoutIssuer),
    ("by a key of another cloud", |d| d.header["kid"] = json!("other-cloud"), UnknownKey),
    ("of the template itself", |d| { d.claims["iss"] = json!(format!("{WORLD}/{{tenantid}}/v2.0")); d.claims["tid"] = json!("{tenantid}"); }, UnknownIssuer),
    ("of no GUID", |d| d.claims["iss"] = json!(format!("{WORLD}/contoso.example/v2.0")), UnknownIssuer),
    ("tid of another", |d| d.claims["tid"] = json!(OBJECT), WrongTenant),
];
