{{- define "neverlapse.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "neverlapse.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "neverlapse.labels" -}}
{{ include "neverlapse.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "neverlapse.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "neverlapse.fullname" .) -}}
{{- else -}}
{{- required "serviceAccount.name: missing; name the account to use, or set serviceAccount.create" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "neverlapse.image" -}}
{{- $repository := required "image.repository: missing; build the image from deploy/Dockerfile, push it to your registry, and name it here" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- /* The path of a Secret's key in a container: (list SECRET KEY). */ -}}
{{- define "neverlapse.secretPath" -}}
{{- printf "/run/neverlapse/secrets/%s/%s" (index . 0) (index . 1) -}}
{{- end -}}

{{- /* Secrets that the connection to Temporal needs, as a list in JSON. */ -}}
{{- define "neverlapse.temporalSecrets" -}}
{{- $t := .Values.temporal -}}
{{- list $t.tls.secretName $t.tls.caSecretName $t.apiKey.secretName | compact | uniq | toJson -}}
{{- end -}}

{{- define "neverlapse.secrets" -}}
{{- $all := concat .Values.secrets (list .Values.store.secretName .Values.page.secretName) (include "neverlapse.temporalSecrets" . | fromJsonArray) -}}
{{- $all | compact | uniq | toJson -}}
{{- end -}}

{{- /* (dict "secrets" LIST): volumes and where they are mounted. The group of the pod reads them, others do not. */ -}}
{{- define "neverlapse.secretVolumes" -}}
{{- range . }}
- name: secret-{{ sha256sum . | trunc 10 }}
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- end -}}

{{- define "neverlapse.secretMounts" -}}
{{- range . }}
- name: secret-{{ sha256sum . | trunc 10 }}
  mountPath: /run/neverlapse/secrets/{{ . }}
  readOnly: true
{{- end }}
{{- end -}}

{{- define "neverlapse.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- /* Targets and sources that the pod's own account reaches. */ -}}
{{- define "neverlapse.inCluster" -}}
{{- $out := dict "targets" list "secrets" list "certManager" list -}}
{{- range get .Values.config "targets" | default list -}}
{{- $o := get . "options" | default dict -}}
{{- if and (eq .kind "kubernetes") (not (get $o "kubeconfig")) -}}
{{- $_ := set $out "targets" (append $out.targets (dict "namespace" (get $o "namespace") "secret" (get $o "secret"))) -}}
{{- end -}}
{{- end -}}
{{- range get .Values.config "sources" | default list -}}
{{- $o := get . "options" | default dict -}}
{{- $namespaces := get $o "namespaces" | default list -}}
{{- if not (get $o "kubeconfig") -}}
{{- if eq .kind "kubernetes" -}}
{{- $_ := set $out "secrets" (append $out.secrets $namespaces) -}}
{{- else if eq .kind "cert-manager" -}}
{{- $_ := set $out "certManager" (append $out.certManager $namespaces) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $out | toJson -}}
{{- end -}}

{{- define "neverlapse.usesCluster" -}}
{{- $in := include "neverlapse.inCluster" . | fromJson -}}
{{- if or $in.targets $in.secrets $in.certManager -}}yes{{- end -}}
{{- end -}}

{{- /* What the chart sets in the configuration must not be written there too. */ -}}
{{- define "neverlapse.refuseOwn" -}}
{{- range $path, $value := dict "data" "nothing: it is /var/lib/neverlapse" "engine" "temporal.address" "store" "store" "temporal.address" "temporal.address" "temporal.namespace" "temporal.namespace" "temporal.ui_url" "temporal.uiUrl" "temporal.machine" "nothing: the chart names machines" "temporal.tls" "temporal.tls" "temporal.api_key_file" "temporal.apiKey" "http.listen" "nothing: it is port 8080" "http.token_file" "page.secretName" "metrics.listen" "metrics.enabled" "acme_http.listen" "acmeHTTP.enabled" "acme_http.peers" "nothing: the chart knows the workers" -}}
{{- $keys := splitList "." $path -}}
{{- $section := $.Values.config -}}
{{- if gt (len $keys) 1 -}}{{- $section = get $section (first $keys) | default dict -}}{{- end -}}
{{- if hasKey $section (last $keys) -}}
{{- fail (printf "config.%s: the chart sets it; take it out of config, and use of the chart's values: %s" $path $value) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The worker's configuration, as YAML. */ -}}
{{- define "neverlapse.config" -}}
{{- include "neverlapse.refuseOwn" . -}}
{{- $v := .Values -}}
{{- $name := include "neverlapse.fullname" . -}}
{{- $shared := ne $v.store.kind "files" -}}
{{- if and (not $shared) (gt (int $v.replicas) 1) -}}
{{- fail (printf "replicas: %d workers cannot share a store of the kind files, which is on the volume of one; set store.kind to postgres or s3, or replicas to 1" (int $v.replicas)) -}}
{{- end -}}

{{- $temporal := dict "address" (required "temporal.address: missing; give the host:port of a Temporal cluster" $v.temporal.address) "namespace" $v.temporal.namespace -}}
{{- if $v.temporal.uiUrl -}}{{- $_ := set $temporal "ui_url" $v.temporal.uiUrl -}}{{- end -}}
{{- if not $shared -}}{{- $_ := set $temporal "machine" $name -}}{{- end -}}
{{- $tls := dict -}}
{{- with $v.temporal.tls -}}
{{- if .secretName -}}
{{- $_ := set $tls "cert_file" (include "neverlapse.secretPath" (list .secretName .certKey)) -}}
{{- $_ := set $tls "key_file" (include "neverlapse.secretPath" (list .secretName .keyKey)) -}}
{{- end -}}
{{- if .caSecretName -}}{{- $_ := set $tls "ca_file" (include "neverlapse.secretPath" (list .caSecretName .caKey)) -}}{{- end -}}
{{- if .serverName -}}{{- $_ := set $tls "server_name" .serverName -}}{{- end -}}
{{- end -}}
{{- if $tls -}}{{- $_ := set $temporal "tls" $tls -}}{{- end -}}
{{- with $v.temporal.apiKey -}}
{{- if .secretName -}}{{- $_ := set $temporal "api_key_file" (include "neverlapse.secretPath" (list .secretName .key)) -}}{{- end -}}
{{- end -}}

{{- $secret := required "store.secretName: missing; name the Secret that holds the key-encryption key (and the database's URL)" $v.store.secretName -}}
{{- $options := deepCopy $v.store.options -}}
{{- if $v.store.keyKey -}}{{- $_ := set $options "key_file" (include "neverlapse.secretPath" (list $secret $v.store.keyKey)) -}}{{- end -}}
{{- if eq $v.store.kind "postgres" -}}{{- $_ := set $options "url_file" (include "neverlapse.secretPath" (list $secret $v.store.urlKey)) -}}{{- end -}}

{{- $http := dict "listen" ":8080" -}}
{{- if and $v.ingress.enabled $v.ingress.host -}}{{- $_ := set $http "url" (printf "%s://%s" (ternary "https" "http" (ne $v.ingress.tlsSecretName "")) $v.ingress.host) -}}{{- end -}}
{{- if $v.page.secretName -}}{{- $_ := set $http "token_file" (include "neverlapse.secretPath" (list $v.page.secretName $v.page.key)) -}}{{- end -}}

{{- $acme := dict "listen" (ternary ":8089" "" $v.acmeHTTP.enabled) -}}
{{- if and $v.acmeHTTP.enabled $shared -}}{{- $_ := set $acme "peers" (list (printf "%s-peers.%s.svc:8089" $name .Release.Namespace)) -}}{{- end -}}

{{- $own := dict "data" "/var/lib/neverlapse" "temporal" $temporal "store" (dict "kind" $v.store.kind "options" $options) "http" $http "acme_http" $acme -}}
{{- if $v.metrics.enabled -}}{{- $_ := set $own "metrics" (dict "listen" ":9464") -}}{{- end -}}
{{- merge (deepCopy $v.config) $own | toYaml -}}
{{- end -}}

{{- /* A digest of what counts from the next start only. The sections left out count at once (docs/operations.md). */ -}}
{{- define "neverlapse.restartDigest" -}}
{{- omit (include "neverlapse.config" . | fromYaml) "people" "teams" "catch_all" "routes" "accept_email_alone" "permissions" "policies" "environments" "calendars" "handover" "gather" "digest" "delivery" "channels" | toJson | sha256sum -}}
{{- end -}}
