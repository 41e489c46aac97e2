// Verify says what The Things Stack answers, by its own semantics and with Go's own crypto/x509.
//
// It reads one JSON object per line and writes one per line:
// in:  {"leaf": base64 DER, "eui": text, "bundle": base64 PEM, "at": RFC 3339}
// out: {"rule": text, "error": text, "kept": [SHA-256 of each certificate that AppendCertsFromPEM keeps]}
package main

import (
	"bufio"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"strings"
	"time"
)

type question struct {
	Leaf   []byte    `json:"leaf"`
	EUI    string    `json:"eui"`
	Bundle []byte    `json:"bundle"`
	At     time.Time `json:"at"`
}

type answer struct {
	Rule  string   `json:"rule"`
	Error string   `json:"error"`
	Kept  []string `json:"kept"`
}

// keptBy lists what AppendCertsFromPEM adds, which the pool itself does not tell.
func keptBy(rest []byte) []string {
	kept := []string{}
	seen := map[string]bool{}
	for len(rest) > 0 {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" || len(block.Headers) != 0 {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			continue
		}
		sum := sha256.Sum256(cert.Raw)
		name := hex.EncodeToString(sum[:])
		if !seen[name] {
			seen[name] = true
			kept = append(kept, name)
		}
	}
	return kept
}

func ask(q question) answer {
	out := answer{Kept: keptBy(q.Bundle)}
	fail := func(rule string, err error) answer {
		out.Rule = rule
		if err != nil {
			out.Error = err.Error()
		}
		return out
	}
	pool := x509.NewCertPool()
	if ok := pool.AppendCertsFromPEM(q.Bundle); !ok && len(q.Bundle) > 0 {
		return fail("bundle_unreadable", nil)
	}
	leaf, err := x509.ParseCertificate(q.Leaf)
	if err != nil {
		return fail("leaf_unreadable", err)
	}
	if leaf.Subject.CommonName != q.EUI {
		return fail("cn_mismatch", errors.New(leaf.Subject.CommonName))
	}
	if len(q.Bundle) == 0 {
		return fail("no_ca_pool", nil)
	}
	_, err = leaf.Verify(x509.VerifyOptions{
		Roots:       pool,
		KeyUsages:   []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		CurrentTime: q.At,
	})
	return fail(rule(err, leaf), err)
}

func rule(err error, leaf *x509.Certificate) string {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var unhandled x509.UnhandledCriticalExtension
	switch {
	case err == nil:
		return "accepted"
	case errors.As(err, &unknown):
		if strings.Contains(err.Error(), "parent certificate cannot sign this kind of certificate") {
			return "not_a_ca"
		}
		return "unknown_authority"
	case errors.As(err, &unhandled):
		return "unhandled_critical_extension"
	case errors.As(err, &invalid):
		return invalidRule(invalid, leaf)
	case strings.Contains(err.Error(), "signature check attempts limit"):
		return "unknown_authority"
	case strings.Contains(err.Error(), "cannot parse"): // how Go 1.22 says that constraints meet an unreadable name
		return "name_constraint"
	}
	return "other: " + err.Error()
}

func invalidRule(invalid x509.CertificateInvalidError, leaf *x509.Certificate) string {
	switch invalid.Reason {
	case x509.Expired:
		who, when := "authority", "_expired"
		if invalid.Cert.Equal(leaf) {
			who = "leaf"
		}
		if strings.Contains(invalid.Detail, " is before ") {
			when = "_not_yet_valid"
		}
		return who + when
	case x509.IncompatibleUsage:
		return "incompatible_key_usage"
	case x509.CANotAuthorizedForThisName:
		return "name_constraint"
	}
	if strings.Contains(invalid.Error(), "no valid chains built") { // a reason that Go 1.22 does not have
		return "policy_missing"
	}
	return "other: " + invalid.Error()
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	out := bufio.NewWriter(os.Stdout)
	for lines.Scan() {
		var q question
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			panic(err)
		}
		text, err := json.Marshal(ask(q))
		if err != nil {
			panic(err)
		}
		out.Write(append(text, '\n'))
		out.Flush()
	}
}
