// Stand-ins for the two services of a Sigstore that have nothing to do with what is tested: an
// issuer of OIDC tokens, and a certificate-transparency log that signs timestamps but keeps no tree.
package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"log"
	"math/big"
	"net/http"
	"os"
	"strings"
	"time"
)

var poison = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 3}

func main() {
	listen := flag.String("listen", "127.0.0.1:6101", "address of both")
	key := flag.String("log-key", "ctfe.pub", "where the log's public key is written")
	flag.Parse()
	signer, err := rsa.GenerateKey(rand.Reader, 2048)
	check(err)
	logKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	der, err := x509.MarshalPKIXPublicKey(&logKey.PublicKey)
	check(err)
	block := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	check(os.WriteFile(*key, block, 0o644))
	base := "http://" + *listen
	http.HandleFunc("/ct/v1/add-pre-chain", func(w http.ResponseWriter, r *http.Request) {
		reply(w, timestamp(r, logKey, sha256.Sum256(der)))
	})
	http.HandleFunc("/keys", func(w http.ResponseWriter, r *http.Request) {
		e := big.NewInt(int64(signer.E)).Bytes()
		reply(w, map[string]any{"keys": []any{map[string]string{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1", "n": b64(signer.N.Bytes()), "e": b64(e),
		}}})
	})
	// Each issuer is a path: PATH/.well-known/openid-configuration, and PATH/token for claims in the body.
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if name, ok := strings.CutSuffix(r.URL.Path, "/.well-known/openid-configuration"); ok {
			reply(w, map[string]any{
				"issuer": base + name, "jwks_uri": base + "/keys",
				"authorization_endpoint": base + name, "token_endpoint": base + name,
				"response_types_supported":              []string{"id_token"},
				"subject_types_supported":               []string{"public"},
				"id_token_signing_alg_values_supported": []string{"RS256"},
			})
		} else if name, ok := strings.CutSuffix(r.URL.Path, "/token"); ok {
			claims := map[string]any{}
			check(json.NewDecoder(r.Body).Decode(&claims))
			now := time.Now().Unix()
			claims["iss"], claims["aud"], claims["iat"], claims["exp"] = base+name, "sigstore", now, now+3600
			fmt.Fprint(w, token(claims, signer))
		} else {
			http.NotFound(w, r)
		}
	})
	log.Fatal(http.ListenAndServe(*listen, nil))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func reply(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	check(json.NewEncoder(w).Encode(value))
}

func token(claims map[string]any, key *rsa.PrivateKey) string {
	body, err := json.Marshal(claims)
	check(err)
	signed := b64([]byte(`{"alg":"RS256","kid":"1","typ":"JWT"}`)) + "." + b64(body)
	hash := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, hash[:])
	check(err)
	return signed + "." + b64(signature)
}

// timestamp answers a precertificate with a signed timestamp (RFC 6962, section 3.2).
func timestamp(r *http.Request, key *ecdsa.PrivateKey, id [32]byte) map[string]any {
	var request struct {
		Chain [][]byte `json:"chain"`
	}
	check(json.NewDecoder(r.Body).Decode(&request))
	certificate, err := x509.ParseCertificate(request.Chain[0])
	check(err)
	issuer, err := x509.ParseCertificate(request.Chain[1])
	check(err)
	tbs := unpoisoned(certificate.RawTBSCertificate)
	now := uint64(time.Now().UnixMilli())
	issuerKey := sha256.Sum256(issuer.RawSubjectPublicKeyInfo)
	var signed bytes.Buffer
	signed.Write([]byte{0, 0})
	check(binary.Write(&signed, binary.BigEndian, now))
	signed.Write([]byte{0, 1})
	signed.Write(issuerKey[:])
	signed.Write([]byte{byte(len(tbs) >> 16), byte(len(tbs) >> 8), byte(len(tbs))})
	signed.Write(tbs)
	signed.Write([]byte{0, 0})
	hash := sha256.Sum256(signed.Bytes())
	signature, err := ecdsa.SignASN1(rand.Reader, key, hash[:])
	check(err)
	signature = append([]byte{4, 3, byte(len(signature) >> 8), byte(len(signature))}, signature...)
	return map[string]any{
		"sct_version": 0, "id": id[:], "timestamp": now, "extensions": "", "signature": signature,
	}
}

// unpoisoned is the certificate's content without the extension that makes it a precertificate.
func unpoisoned(tbs []byte) []byte {
	var content asn1.RawValue
	_, err := asn1.Unmarshal(tbs, &content)
	check(err)
	var fields []byte
	for rest := content.Bytes; len(rest) > 0; {
		var field asn1.RawValue
		rest, err = asn1.Unmarshal(rest, &field)
		check(err)
		if field.Class == asn1.ClassContextSpecific && field.Tag == 3 {
			var list asn1.RawValue
			_, err = asn1.Unmarshal(field.Bytes, &list)
			check(err)
			var kept []byte
			for more := list.Bytes; len(more) > 0; {
				var extension asn1.RawValue
				more, err = asn1.Unmarshal(more, &extension)
				check(err)
				var id asn1.ObjectIdentifier
				_, err = asn1.Unmarshal(extension.Bytes, &id)
				check(err)
				if !id.Equal(poison) {
					kept = append(kept, extension.FullBytes...)
				}
			}
			list = asn1.RawValue{Class: 0, Tag: asn1.TagSequence, IsCompound: true, Bytes: kept}
			inner, err := asn1.Marshal(list)
			check(err)
			field = asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 3, IsCompound: true, Bytes: inner}
			whole, err := asn1.Marshal(field)
			check(err)
			fields = append(fields, whole...)
		} else {
			fields = append(fields, field.FullBytes...)
		}
	}
	whole, err := asn1.Marshal(asn1.RawValue{Class: 0, Tag: asn1.TagSequence, IsCompound: true, Bytes: fields})
	check(err)
	return whole
}
