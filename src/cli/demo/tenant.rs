//! The people and groups of the demo's tenant: made up, and the same on every run.

use super::generator::Generator;
use serde_json::{Map, Value, json};

/// The tenant's id.
pub const TENANT: &str = "7e2f4c1a-93d0-4b7e-9a55-0c3d8e61f0a2";
/// The tenant's mail domain; `.example` is nobody's (RFC 2606).
pub const DOMAIN: &str = "northwind-marine.example";
/// How many people there are.
pub const PEOPLE: usize = 124;

/// The users and groups.
pub struct Tenant {
    /// Users in directory order; every one has `id`.
    pub users: Vec<Map<String, Value>>,
    /// Groups in directory order.
    pub groups: Vec<Group>,
}

/// A group and who is in it.
pub struct Group {
    /// The group itself.
    pub object: Map<String, Value>,
    /// Ids of its users.
    pub members: Vec<String>,
}

const GIVEN: [(&str, &str); 32] = [
    ("Amélie", "amelie"),
    ("Bastian", "bastian"),
    ("Chiara", "chiara"),
    ("Dmitri", "dmitri"),
    ("Eilidh", "eilidh"),
    ("Farouk", "farouk"),
    ("Greta", "greta"),
    ("Håkon", "hakon"),
    ("Inés", "ines"),
    ("Jun", "jun"),
    ("Katarzyna", "katarzyna"),
    ("Luca", "luca"),
    ("Maëlle", "maelle"),
    ("Nadia", "nadia"),
    ("Oskar", "oskar"),
    ("Priya", "priya"),
    ("Quentin", "quentin"),
    ("Rosa", "rosa"),
    ("Søren", "soren"),
    ("Tariq", "tariq"),
    ("Ursula", "ursula"),
    ("Viktor", "viktor"),
    ("Wanjiru", "wanjiru"),
    ("Ximena", "ximena"),
    ("Yusuf", "yusuf"),
    ("Zoë", "zoe"),
    ("Anouk", "anouk"),
    ("Björn", "bjorn"),
    ("Camille", "camille"),
    ("Dunja", "dunja"),
    ("Emeka", "emeka"),
    ("Freya", "freya"),
];

const FAMILY: [(&str, &str); 32] = [
    ("Abdi", "abdi"),
    ("Bauer", "bauer"),
    ("Castellano", "castellano"),
    ("Dubois", "dubois"),
    ("Eriksson", "eriksson"),
    ("Ferreira", "ferreira"),
    ("García", "garcia"),
    ("Hansen", "hansen"),
    ("Ibrahim", "ibrahim"),
    ("Jansen", "jansen"),
    ("Kowalski", "kowalski"),
    ("Lefèvre", "lefevre"),
    ("Müller", "mueller"),
    ("Nakamura", "nakamura"),
    ("Okafor", "okafor"),
    ("Petrov", "petrov"),
    ("Quist", "quist"),
    ("Rossi", "rossi"),
    ("Šimić", "simic"),
    ("Tanaka", "tanaka"),
    ("Usman", "usman"),
    ("Varga", "varga"),
    ("Weiß", "weiss"),
    ("Yilmaz", "yilmaz"),
    ("Zhang", "zhang"),
    ("Ackroyd", "ackroyd"),
    ("Brandt", "brandt"),
    ("Côté", "cote"),
    ("Doyle", "doyle"),
    ("Engström", "engstrom"),
    ("Fischer", "fischer"),
    ("Grünwald", "gruenwald"),
];

/// Department and the titles in it.
const DEPARTMENTS: [(&str, &[&str]); 7] = [
    (
        "Ship Operations",
        &[
            "Fleet Manager",
            "Voyage Planner",
            "Port Captain",
            "Crewing Officer",
        ],
    ),
    (
        "Engineering",
        &[
            "Marine Engineer",
            "Naval Architect",
            "Electrical Superintendent",
        ],
    ),
    ("Finance", &["Accountant", "Treasury Analyst", "Controller"]),
    ("Legal", &["Maritime Counsel", "Contracts Specialist"]),
    (
        "People",
        &["Recruiter", "Payroll Specialist", "People Partner"],
    ),
    (
        "Security",
        &[
            "Security Engineer",
            "Incident Responder",
            "Identity Architect",
        ],
    ),
    (
        "IT",
        &["Platform Engineer", "Service Desk Agent", "Data Engineer"],
    ),
];

/// Office, country calling code and the form of a mobile number there (`#` is a digit).
const OFFICES: [(&str, &str); 5] = [
    ("Rotterdam", "+31 6 ########"),
    ("Hamburg", "+49 151 ########"),
    ("Bergen", "+47 4## ## ###"),
    ("Genova", "+39 34# ### ####"),
    ("Gdynia", "+48 6## ### ###"),
];

impl Tenant {
    /// Generates the tenant.
    pub fn generate() -> Tenant {
        let mut generator = Generator::new(0x51u64);
        let users: Vec<_> = (0..PEOPLE)
            .map(|index| person(&mut generator, index))
            .collect();
        let groups = groups(&mut generator, &users);
        Tenant { users, groups }
    }
}

fn person(generator: &mut Generator, index: usize) -> Map<String, Value> {
    // Walking both lists with strides keeps every name pair, and so every mail address, unique.
    let (given, given_ascii) = GIVEN[index % GIVEN.len()];
    let (family, family_ascii) = FAMILY[(index * 7 + index / GIVEN.len()) % FAMILY.len()];
    let (department, titles) = generator.pick(&DEPARTMENTS);
    let (office, number) = generator.pick(&OFFICES);
    let mail = format!("{given_ascii}.{family_ascii}@{DOMAIN}");
    let mobile = number_like(generator, number);
    let desk = number_like(generator, "+31 10 ### ####");
    let user = json!({
        "id": generator.guid(),
        "displayName": format!("{given} {family}"),
        "givenName": given,
        "surname": family,
        "userPrincipalName": mail,
        "mail": mail,
        "mobilePhone": if generator.chance(90) { json!(mobile) } else { Value::Null },
        "businessPhones": [desk],
        "otherMails": other_mails(generator, given_ascii, index),
        "jobTitle": generator.pick(titles),
        "department": department,
        "officeLocation": office,
        "preferredLanguage": "en-GB",
        "employeeId": format!("NM{:05}", 10_000 + index * 13),
        "accountEnabled": generator.chance(97),
    });
    match user {
        Value::Object(user) => user,
        _ => Map::new(),
    }
}

fn other_mails(generator: &mut Generator, given: &str, index: usize) -> Vec<String> {
    if generator.chance(25) {
        vec![format!("{given}{}@home-mail.example", 60 + index)]
    } else {
        Vec::new()
    }
}

fn number_like(generator: &mut Generator, form: &str) -> String {
    form.chars()
        .map(|c| match c {
            '#' => char::from(b'0' + u8::try_from(generator.below(10)).unwrap_or(0)),
            other => other,
        })
        .collect()
}

/// One group per department, and two that cut across.
fn groups(generator: &mut Generator, users: &[Map<String, Value>]) -> Vec<Group> {
    let text = |user: &Map<String, Value>, name: &str| {
        user.get(name)
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned()
    };
    let mut groups: Vec<Group> = DEPARTMENTS
        .iter()
        .map(|(department, _)| {
            let inside = users
                .iter()
                .filter(|user| text(user, "department") == *department);
            let members = inside.map(|user| text(user, "id")).collect();
            group(
                generator,
                department,
                &format!("Everyone in {department}"),
                members,
            )
        })
        .collect();
    let all = users.iter().map(|user| text(user, "id")).collect();
    groups.push(group(generator, "All Staff", "Everyone", all));
    let on_call = users
        .iter()
        .step_by(11)
        .map(|user| text(user, "id"))
        .collect();
    groups.push(group(generator, "On Call", "Reachable at night", on_call));
    groups
}

fn group(generator: &mut Generator, name: &str, what: &str, members: Vec<String>) -> Group {
    let nickname = name.to_lowercase().replace(' ', "-");
    let group = json!({
        "id": generator.guid(),
        "displayName": name,
        "description": what,
        "mailNickname": nickname,
        "mail": format!("{nickname}@{DOMAIN}"),
        "mailEnabled": true,
        "securityEnabled": true,
        "groupTypes": [],
    });
    let object = match group {
        Value::Object(group) => group,
        _ => Map::new(),
    };
    Group { object, members }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn generated_alike_and_without_repetition() {
        let (one, other) = (Tenant::generate(), Tenant::generate());
        assert_eq!(one.users, other.users);
        for unique in ["id", "mail", "userPrincipalName", "employeeId"] {
            let seen: HashSet<_> = one
                .users
                .iter()
                .map(|user| user[unique].to_string())
                .collect();
            assert_eq!(seen.len(), PEOPLE, "{unique}");
        }
    }

    #[test]
    fn everyone_is_in_a_department_group() {
        let tenant = Tenant::generate();
        let departments: usize = tenant.groups[..DEPARTMENTS.len()]
            .iter()
            .map(|group| group.members.len())
            .sum();
        assert_eq!(departments, PEOPLE);
        assert!(tenant.groups.iter().all(|group| !group.members.is_empty()));
    }
}
