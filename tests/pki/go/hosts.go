// Asks Go's crypto/x509 whether the first certificate of a file, with the others between, is that of a host:
// hosts ROOTS.pem CHAIN.pem HOST…
package main

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
)

func read(name string) []*x509.Certificate {
	content, err := os.ReadFile(name)
	if err != nil {
		panic(err)
	}
	var found []*x509.Certificate
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			panic(err)
		}
		found = append(found, certificate)
	}
	return found
}

func main() {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, root := range read(os.Args[1]) {
		roots.AddCert(root)
	}
	chain := read(os.Args[2])
	for _, each := range chain[1:] {
		between.AddCert(each)
	}
	for _, host := range os.Args[3:] {
		_, err := chain[0].Verify(x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: between})
		if err != nil {
			fmt.Println(host, "refused:", err)
		} else {
			fmt.Println(host, "OK")
		}
	}
}
