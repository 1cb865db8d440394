package inventory

import (
	"os"
	"testing"
)

func TestTheExampleOfTheDocumentationIsRead(t *testing.T) {
	data, err := os.ReadFile("../../docs/inventory.example.csv")
	if err != nil {
		t.Fatal(err)
	}
	f, err := Read(data)
	if err != nil || len(f.Remarks) > 0 {
		t.Fatalf("%v %v", f.Remarks, err)
	}
	if rows := good(t, f); len(rows) != 4 || rows[0].Note != "쇼핑몰, 3층 랙" || rows[1].Endpoint.Port != 8443 || rows[3].Endpoint.Port != 443 {
		t.Errorf("%+v", rows)
	}
}
