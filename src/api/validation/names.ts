/**
 * The syntax of names in Kubernetes (apimachinery util/validation): each function gives the complaints about a text,
 * none when it is well formed. The sentences are upstream's, since people and tests match on them.
 */
const LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const LABEL_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?";
const QUALIFIED_NAME = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_VALUE = `(${QUALIFIED_NAME})?`;

const matchesLabel = anchored(LABEL);
const matchesSubdomain = anchored(SUBDOMAIN);
const matchesLabel1035 = anchored(LABEL_1035);
const matchesQualifiedName = anchored(QUALIFIED_NAME);
const matchesLabelValue = anchored(LABEL_VALUE);

function anchored(pattern: string): (text: string) => boolean {
  const expression = new RegExp(`^(?:${pattern})$`);
  return (text) => expression.test(text);
}

/** The sentence about a pattern: what it wants, examples, and the expression itself. */
function patternComplaint(wants: string, pattern: string, ...examples: string[]): string {
  const shown = examples.map((example) => `'${example}', `).join(" or ");
  return `${wants} (${shown === "" ? "" : "e.g. "}${shown}regex used for validation is '${pattern}')`;
}

/** "must be no more than 63 characters". */
export function tooLongComplaint(limit: number): string {
  return `must be no more than ${limit} characters`;
}

const EMPTY_COMPLAINT = "must be non-empty";

const LABEL_COMPLAINT: string = patternComplaint(
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  LABEL,
  "my-name",
  "123-abc",
);
const SUBDOMAIN_COMPLAINT: string = patternComplaint(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  SUBDOMAIN,
  "example.com",
);
const LABEL_1035_COMPLAINT: string = patternComplaint(
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  LABEL_1035,
  "my-name",
  "abc-123",
);
const QUALIFIED_NAME_WANTS =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const QUALIFIED_NAME_COMPLAINT: string = patternComplaint(
  QUALIFIED_NAME_WANTS,
  QUALIFIED_NAME,
  "MyName",
  "my.name",
  "123-abc",
);
const LABEL_VALUE_COMPLAINT: string = patternComplaint(
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  LABEL_VALUE,
  "MyValue",
  "my_value",
  "12345",
);

const CONFIG_MAP_KEY_COMPLAINT: string = patternComplaint(
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
  "[-._a-zA-Z0-9]+",
  "key.name",
  "KEY_NAME",
  "key-name",
);

/** A DNS label (RFC 1123): at most 63 of a-z, 0-9 and inner "-". */
export function dns1123LabelComplaints(text: string): string[] {
  const complaints = text.length > 63 ? [tooLongComplaint(63)] : [];
  if (!matchesLabel(text)) {
    // A name that is fine but for its dots gets the shorter sentence.
    complaints.push(matchesSubdomain(text) ? "must not contain dots" : LABEL_COMPLAINT);
  }
  return complaints;
}

/** A DNS name (RFC 1123): labels joined by dots, at most 253 characters. */
export function dns1123SubdomainComplaints(text: string): string[] {
  const complaints = text.length > 253 ? [tooLongComplaint(253)] : [];
  if (!matchesSubdomain(text)) complaints.push(SUBDOMAIN_COMPLAINT);
  return complaints;
}

const WILDCARD_SUBDOMAIN = `\\*\\.${SUBDOMAIN}`;
const WILDCARD_SUBDOMAIN_COMPLAINT: string = patternComplaint(
  "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
  WILDCARD_SUBDOMAIN,
  "*.example.com",
);
const matchesWildcardSubdomain = anchored(WILDCARD_SUBDOMAIN);

/** "*." and a DNS name (RFC 1034, section 4.3.3): every name right below that one. */
export function wildcardSubdomainComplaints(text: string): string[] {
  const complaints = text.length > 253 ? [tooLongComplaint(253)] : [];
  if (!matchesWildcardSubdomain(text)) complaints.push(WILDCARD_SUBDOMAIN_COMPLAINT);
  return complaints;
}

/** A DNS label that starts with a letter (RFC 1035), as Service names were until Kubernetes 1.34. */
export function dns1035LabelComplaints(text: string): string[] {
  const complaints = text.length > 63 ? [tooLongComplaint(63)] : [];
  if (!matchesLabel1035(text)) complaints.push(LABEL_1035_COMPLAINT);
  return complaints;
}

/** A key of labels and annotations: "name" or "example.com/name". */
export function qualifiedNameComplaints(text: string): string[] {
  const complaints: string[] = [];
  const parts = text.split("/");
  let name = parts[0]!;
  if (parts.length > 2) {
    const complaint = patternComplaint(
      `a qualified name ${QUALIFIED_NAME_WANTS}`,
      QUALIFIED_NAME,
      "MyName",
      "my.name",
      "123-abc",
    );
    return [`${complaint} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  if (parts.length === 2) {
    const prefix = parts[0]!;
    name = parts[1]!;
    const wrong = prefix === "" ? [EMPTY_COMPLAINT] : dns1123SubdomainComplaints(prefix);
    complaints.push(...wrong.map((complaint) => `prefix part ${complaint}`));
  }
  if (name === "") complaints.push(`name part ${EMPTY_COMPLAINT}`);
  else if (name.length > 63) complaints.push(`name part ${tooLongComplaint(63)}`);
  if (!matchesQualifiedName(name)) complaints.push(`name part ${QUALIFIED_NAME_COMPLAINT}`);
  return complaints;
}

/** The value of a label: empty, or at most 63 characters. */
export function labelValueComplaints(text: string): string[] {
  const complaints = text.length > 63 ? [tooLongComplaint(63)] : [];
  if (!matchesLabelValue(text)) complaints.push(LABEL_VALUE_COMPLAINT);
  return complaints;
}

/** A key of a ConfigMap or Secret: good as a file's name that leads nowhere else. */
export function configMapKeyComplaints(text: string): string[] {
  const complaints = text.length > 253 ? [tooLongComplaint(253)] : [];
  if (!/^[-._a-zA-Z0-9]+$/.test(text)) complaints.push(CONFIG_MAP_KEY_COMPLAINT);
  if (text === "." || text === "..") complaints.push(`must not be '${text}'`);
  else if (text.startsWith("..")) complaints.push("must not start with '..'");
  return complaints;
}

/** A port's name as IANA has service names (RFC 6335), lower case: at most 15 characters, a letter in it. */
export function portNameComplaints(text: string): string[] {
  const complaints: string[] = [];
  if (text.length > 15) complaints.push(tooLongComplaint(15));
  if (!/^[-a-z0-9]+$/.test(text))
    complaints.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  if (!/[a-z]/.test(text)) complaints.push("must contain at least one letter (a-z)");
  if (text.includes("--")) complaints.push("must not contain consecutive hyphens");
  if (text !== "" && (text.startsWith("-") || text.endsWith("-")))
    complaints.push("must not begin or end with a hyphen");
  return complaints;
}

/** A port number on the wire: 1 to 65535. */
export function portNumberComplaints(port: number): string[] {
  return port >= 1 && port <= 65535 ? [] : ["must be between 1 and 65535, inclusive"];
}

const HTTP_PATH = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
const matchesHttpPath = anchored(HTTP_PATH);

/** The characters of a path in a URL (RFC 3986, section 3.3). */
export function httpPathComplaints(text: string): string[] {
  return matchesHttpPath(text) ? [] : [patternComplaint("Invalid path", HTTP_PATH)];
}

const PERCENT = "[0-9]+%";
const PERCENT_COMPLAINT: string = patternComplaint(
  "a valid percent string must be a numeric string followed by an ending '%'",
  PERCENT,
  "1%",
  "93%",
);
const matchesPercent = anchored(PERCENT);

/** A percentage in digits: "25%". */
export function percentComplaints(text: string): string[] {
  return matchesPercent(text) ? [] : [PERCENT_COMPLAINT];
}

/** A text that stands for itself between two slashes of a URL (api/validation/path IsValidPathSegmentName). */
export function pathSegmentComplaints(text: string): string[] {
  if (text === "." || text === "..") return [`may not be '${text}'`];
  return ["/", "%"].filter((sign) => text.includes(sign)).map((sign) => `may not contain '${sign}'`);
}
