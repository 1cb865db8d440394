package mototest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
)

// listing is the part of ListCertificates that matters here.
type listing struct {
	MaxItems  int
	NextToken string
	Includes  struct {
		KeyTypes []string `json:"keyTypes"`
	}
}

// usual are the types of key that AWS lists where nothing else is asked for.
var usual = []any{"RSA_1024", "RSA_2048"}

// list does what AWS does to a list and moto does not: it comes in pages, in the
// order of the ARNs, and has RSA keys alone unless others are asked for.
func (a *ACM) list(moto http.Handler, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var in listing
	if err != nil || json.Unmarshal(body, &in) != nil {
		Error(w, http.StatusBadRequest, "SerializationException", "not JSON")
		return
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader([]byte("{}"))), 2
	answer := httptest.NewRecorder()
	moto.ServeHTTP(answer, r)
	var out struct{ CertificateSummaryList []map[string]any }
	if answer.Code != http.StatusOK || json.Unmarshal(answer.Body.Bytes(), &out) != nil {
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
		return
	}
	from, err := strconv.Atoi("0" + in.NextToken)
	if err != nil || in.MaxItems > 1000 {
		Error(w, http.StatusBadRequest, "ValidationException", "the token or the number is not valid")
		return
	}
	all := slices.DeleteFunc(out.CertificateSummaryList, func(c map[string]any) bool { return !in.wants(c["KeyAlgorithm"]) })
	slices.SortFunc(all, func(a, b map[string]any) int {
		return bytes.Compare([]byte(a["CertificateArn"].(string)), []byte(b["CertificateArn"].(string)))
	})
	to := min(from+max(in.MaxItems, 1), len(all))
	page := map[string]any{"CertificateSummaryList": all[min(from, len(all)):to]}
	if to < len(all) {
		page["NextToken"] = strconv.Itoa(to)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(page)
}

func (in listing) wants(key any) bool {
	if len(in.Includes.KeyTypes) == 0 {
		return slices.Contains(usual, key)
	}
	return slices.ContainsFunc(in.Includes.KeyTypes, func(k string) bool { return k == key })
}

// Before lets a test answer what moto cannot. It is given the action, and the
// request in one text: its credentials, which name the region, and its body.
func (a *ACM) Before(answer func(w http.ResponseWriter, action, request string) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			Error(w, http.StatusBadRequest, "SerializationException", err.Error())
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if !answer(w, action, r.Header.Get("Authorization")+string(body)) {
			a.proxy.Config.Handler.ServeHTTP(w, r)
		}
	})
}
