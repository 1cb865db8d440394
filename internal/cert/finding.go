package cert

import "slices"

// FindingCode names what is wrong with a certificate or with how it is served;
// a stable contract with scripts.
type FindingCode string

// Gravity says how bad a finding is.
type Gravity string

// The gravities, the worst first.
const (
	Error   Gravity = "error"   // clients refuse it
	Warning Gravity = "warning" // some clients refuse it, or all of them soon will
	Note    Gravity = "note"    // it works; it could be better
)

// The codes, in the order in which the documentation lists them.
const (
	Expired               FindingCode = "expired"
	Expiring              FindingCode = "expiring"
	NotYetValid           FindingCode = "not-yet-valid"
	NameMismatch          FindingCode = "name-mismatch"
	CommonNameOnly        FindingCode = "common-name-only"
	SelfSigned            FindingCode = "self-signed"
	ChainIncomplete       FindingCode = "chain-incomplete"
	ChainDisorder         FindingCode = "chain-out-of-order"
	ChainInvalid          FindingCode = "chain-invalid"
	UntrustedRoot         FindingCode = "untrusted-root"
	RootExpired           FindingCode = "root-expired"
	NoRoots               FindingCode = "no-trusted-roots"
	IssuerExpired         FindingCode = "issuer-expired"
	IssuerNotYetValid     FindingCode = "issuer-not-yet-valid"
	IssuerEndsFirst       FindingCode = "issuer-ends-first"
	WrongUsage            FindingCode = "not-for-servers"
	IsCA                  FindingCode = "leaf-is-a-ca"
	WeakKey               FindingCode = "weak-key"
	WeakSignature         FindingCode = "weak-signature"
	LifetimeTooLong       FindingCode = "lifetime-too-long"
	KeyNotHeld            FindingCode = "key-not-held"
	KeyMismatch           FindingCode = "key-mismatch"
	KeyExposed            FindingCode = "key-exposed"
	HandshakeUnfinished   FindingCode = "handshake-unfinished"
	AddressesDisagree     FindingCode = "addresses-disagree"
	AddressUnreachable    FindingCode = "address-unreachable"
	CertificateUnreadable FindingCode = "certificate-unreadable"
	TooManyNames          FindingCode = "too-many-names"
	RootSent              FindingCode = "root-sent"
	Revoked               FindingCode = "revoked"
	RevocationUnknown     FindingCode = "revocation-unknown"
	WeakProtocol          FindingCode = "weak-protocol"
	UnwantedCA            FindingCode = "unwanted-ca"
	WildcardUnwanted      FindingCode = "unwanted-wildcard"
	LintError             FindingCode = "lint-error"
	LintWarning           FindingCode = "lint-warning"
	Unreachable           FindingCode = "unreachable"
	AddressForbidden      FindingCode = "address-forbidden"
	FileUnreadable        FindingCode = "file-unreadable"
	RenewalStuck          FindingCode = "renewal-stuck"
	RenewalLate           FindingCode = "renewal-late"
)

// Finding is one thing that is wrong: what is so here, why it matters, and how
// to mend it. Texts from certificates in What are cleaned by whoever found it.
type Finding struct {
	Code     FindingCode `json:"code"`
	Severity Gravity     `json:"severity"`
	What     string      `json:"what"`
	Why      string      `json:"why"`
	Remedy   string      `json:"remedy"`
}

// Find makes a finding of what is so here.
func Find(code FindingCode, what string) Finding {
	i := slices.IndexFunc(Findings, func(f Finding) bool { return f.Code == code })
	if i < 0 {
		return Finding{Code: code, Severity: Error, What: what}
	}
	f := Findings[i]
	f.What = what
	return f
}

// Findings lists everything that can be found; What is empty.
var Findings = []Finding{
	{Expired, Error, "", "Clients refuse a certificate whose end has passed.",
		"Renew it, install the new one with its chain, and reload the server."},
	{Expiring, Warning, "", "A threshold of the default policy is crossed: by now somebody should be replacing it.",
		"Renew it and reload the server. If it is renewed by itself, find out why that has not happened yet."},
	{NotYetValid, Error, "", "Clients refuse a certificate before its first instant.",
		"Check the clock of the machine that looked. If that is right, serve the previous certificate until then."},
	{NameMismatch, Error, "", "Clients refuse a certificate that does not cover the name they asked for.",
		"Issue one for all names that lead here. If there is one already, check which the server picks for this name (SNI, server_name)."},
	{CommonNameOnly, Error, "", "Clients have looked only at subject alternative names for years.",
		"Issue a certificate that lists its names as subject alternative names."},
	{SelfSigned, Error, "", "No client trusts it that was not told to.",
		"Issue one by a CA that your clients trust. If it is meant to be trusted, give it by --roots (scan.roots_file for a worker)."},
	{ChainIncomplete, Error, "", "Clients that have not met the intermediate before cannot find the way to a root. Browsers often can, so it goes unnoticed; curl, Java and other servers cannot.",
		"Serve the full chain: the certificate, then its intermediates (fullchain.pem instead of cert.pem). A private CA is given by --roots (scan.roots_file for a worker)."},
	{ChainDisorder, Warning, "", "TLS 1.2 asks for each certificate to be issued by the next; old clients refuse what is not.",
		"Put the server's own certificate first, then the one that issued it, and so on; leave out what does not belong."},
	{ChainInvalid, Error, "", "The way from the certificate to a trusted root does not hold.",
		"Read what is said about it; issue the certificate again by a CA that your clients trust."},
	{UntrustedRoot, Error, "", "Only clients that were given this root trust the certificate.",
		"Issue one by a CA that your clients trust. If this is your own CA, give its root by --roots (scan.roots_file for a worker)."},
	{RootExpired, Error, "", "Clients refuse what only an expired root vouches for.",
		"Serve the chain to a root that is in date, or issue the certificate again."},
	{NoRoots, Note, "", "This machine has no trusted roots, so nobody checked the way to one.",
		"Install the system's CA certificates (Debian: ca-certificates), or give roots by --roots."},
	{IssuerExpired, Error, "", "A chain is valid only while each certificate in it is.",
		"Serve the CA's present intermediate instead; the certificate itself may stay."},
	{IssuerNotYetValid, Error, "", "A chain is valid only while each certificate in it is.",
		"Check the clock of the machine that looked; otherwise serve the intermediate that issued the certificate."},
	{IssuerEndsFirst, Warning, "", "The chain ends when its first certificate does, before the date that everybody watches.",
		"Put the end of the intermediate into your calendar, or issue again by an intermediate that lasts longer."},
	{WrongUsage, Error, "", "Its extended key usage does not allow servers.",
		"Issue one with the usage serverAuth."},
	{IsCA, Error, "", "A CA's certificate is no server's; clients refuse it.",
		"Put the server's own certificate first."},
	{WeakKey, Error, "", "Clients refuse keys of this size or kind.",
		"Make a key of RSA 2048 or P-256 at least and issue the certificate again."},
	{WeakSignature, Error, "", "Signatures with MD5 or SHA-1 can be forged; clients refuse them.",
		"Issue it again; no public CA signs so any more."},
	{LifetimeTooLong, Warning, "", "Browsers refuse certificates that were issued for longer than was allowed on their day.",
		"Issue a shorter one, and let it be renewed by a machine."},
	{KeyNotHeld, Error, "", "The server proved another key than that of the certificate.",
		"Install key and certificate that belong together."},
	{KeyMismatch, Error, "", "A server does not start with it, or serves what clients refuse.",
		"Find the key that the certificate was issued for, or issue it again."},
	{KeyExposed, Warning, "", "Everybody on this machine can take the private key.",
		"Take the rights away (chmod o= FILE), and issue again with another key if others had access."},
	{HandshakeUnfinished, Warning, "", "The certificate was read, but clients may not get a connection.",
		"Try with another client (openssl s_client -connect HOST:PORT -servername HOST) and look into the server's log."},
	{AddressesDisagree, Warning, "", "Which certificate a client gets depends on the address that it picks; one of them was forgotten.",
		"Install the same certificate wherever the name leads, or give each place a name of its own."},
	{AddressUnreachable, Warning, "", "Some clients pick this address, and nobody can say what it would serve.",
		"Bring it back or take it out of DNS."},
	{CertificateUnreadable, Warning, "", "It breaks the rules so far that it cannot be judged here.",
		"Show it to its CA; openssl x509 -text may read more of it."},
	{TooManyNames, Note, "", "Every client downloads the whole list with each handshake.",
		"Issue certificates for fewer names."},
	{RootSent, Note, "", "Clients have the root, or do not trust it; sending it only costs bytes.",
		"Leave the last certificate out of the chain."},
	{Revoked, Error, "", "The CA took it back; clients that look at its list refuse it.",
		"Issue another one, with another key if the old one was compromised, and install it everywhere."},
	{RevocationUnknown, Note, "", "Nobody knows whether the CA took it back: its list could not be read.",
		"Let this machine reach the address of the list (allow a private one by --allow), and look again."},
	{WeakProtocol, Warning, "", "TLS 1.0 and 1.1 are broken and deprecated (RFC 8996); clients and auditors refuse them.",
		"Allow TLS 1.2 and 1.3 alone in the server's configuration."},
	{UnwantedCA, Warning, "", "The organisation does not want certificates of this CA.",
		"Issue one by a CA that is wanted. The lists are scan.unwanted_cas, --unwanted-ca, and expected_cas of a source."},
	{WildcardUnwanted, Warning, "", "One stolen key speaks for every name below it, and the organisation does not want that.",
		"Issue one that lists its names. It is asked for by scan.wildcards and --no-wildcards."},
	{LintError, Warning, "", "It breaks a rule that CAs must keep (RFC 5280, Baseline Requirements); strict clients may refuse it, and a public CA may have to revoke it.",
		"Show it to its CA. zlint names the rule."},
	{LintWarning, Note, "", "It leaves out what CAs should do.",
		"Nothing, or show it to its CA. zlint names the rule."},
	{Unreachable, Warning, "", "Nobody can say what it serves.",
		"Bring it back, or take it out of the list."},
	{AddressForbidden, Warning, "", "The address belongs to a network that is not looked into, so that a list made by others cannot aim at what is inside.",
		"Take it out of the list; or, if it is meant, allow its network by --allow or scan.allow."},
	{FileUnreadable, Warning, "", "It looks like a certificate or a keystore, and nobody can say what is in it.",
		"Read what is said about it; give the password of keystores by --password-file."},
	{RenewalStuck, Warning, "", "What renews it tries, and gets no certificate; the present one ends on its day all the same.",
		"Mend what is quoted; then have it tried again at once (cert-manager: neverlapse renew --at PLACE)."},
	{RenewalLate, Warning, "", "What renews it should have begun by now, and has not.",
		"See whether it runs, and what its log says of this certificate."},
}

// Worst is the gravity of the worst finding; empty if there is none.
func Worst(findings []Finding) Gravity {
	for _, g := range []Gravity{Error, Warning, Note} {
		if slices.ContainsFunc(findings, func(f Finding) bool { return f.Severity == g }) {
			return g
		}
	}
	return ""
}
