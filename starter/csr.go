package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/neverlapse/neverlapse/internal/cert"
	"github.com/neverlapse/neverlapse/workflows"
)

// csrView is the JSON of csr; its names are a contract with scripts.
type csrView struct {
	Name  string   `json:"name"`
	Names []string `json:"names"`
	CSR   string   `json:"csr"` // PEM
}

func (c *cli) csr() *cobra.Command {
	var subject string
	var fresh bool
	cmd := c.onName("csr", " [--subject SUBJECT] [--new]", "Print the certificate request to order by hand with",
		`Make a private key in the store and print the certificate request (PKCS#10, PEM) for
it, to order the next version with from a CA that knows no ACME (a CA of the kind
supplied). The key stays in the store; what the CA issues is brought by
neverlapse supply. Until then the same request is printed again; --new makes another
key. An OV or EV certificate wants a subject, such as "O=Example Inc,L=Seoul,C=KR".`,
		func(cmd *cobra.Command, name string) error {
			if _, err := cert.ParseSubject(subject); err != nil {
				return usage("--subject: %s", err)
			}
			s, err := c.ask(cmd.Context(), name)
			if err != nil {
				return err
			}
			in := workflows.SupplyOf(s.State)
			in.Subject, in.New = subject, fresh
			pem, err := work[[]byte](cmd.Context(), c, "Requested", name, c.timeout.value, in)
			if err != nil {
				return refusedByHand(err)
			}
			if !c.text() {
				return c.result(csrView{name, in.Names, string(pem)})
			}
			_, err = c.out.Write(pem)
			c.remark("%s", cleanLines(fmt.Sprintf("order it from %s, then type: neverlapse supply %s --chain FILE --wait", in.CA, name)))
			return err
		})
	cmd.Flags().StringVar(&subject, "subject", "", "`subject` of the request: CN, O, OU, L, ST, C, separated by commas (default none)")
	cmd.Flags().BoolVar(&fresh, "new", false, "make another key and request")
	return cmd
}
