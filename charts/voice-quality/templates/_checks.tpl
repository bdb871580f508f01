{{/* What is wrong with the values, in sentences: a JSON array of texts. Kinds and ranges are in values.schema.json. */}}
{{- define "voice.faultyValues" -}}
{{- $faults := list }}
{{- $host := "[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\\[[0-9A-Fa-f:.]+\\]" }}
{{- $name := "^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$" }}
{{- $address := "[0-9]{1,3}(\\.[0-9]{1,3}){3}|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*" }}
{{- $server := "[0-9]{1,3}(\\.[0-9]{1,3}){3}|\\[[0-9A-Fa-f:.]+\\]" }}

{{- /* Each: the value's name, the value, the pattern, what it must be. Empty ones are looked at below. */}}
{{- $forms := list
  (list "mysql.host" .Values.mysql.host "^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$" "a host name or an address alone, such as aurora.internal: the port is mysql.port")
  (list "mysql.database" .Values.mysql.database "^[A-Za-z0-9_]{1,64}$" "letters, digits and _ only, at most 64")
  (list "mysql.existingSecret" .Values.mysql.existingSecret $name "the name of a Secret: small letters, digits, - and . only")
  (list "mysql.caConfigMap" .Values.mysql.caConfigMap $name "the name of a ConfigMap: small letters, digits, - and . only")
  (list "grafana.url" .Values.grafana.url (printf "^https?://(%s)(:[0-9]+)?/grafana$" $host) "http:// or https://, a host and the sub-path /grafana, which the portal passes on as it is, such as https://grafana.internal:3000/grafana")
  (list "grafana.existingSecret" .Values.grafana.existingSecret $name "the name of a Secret: small letters, digits, - and . only")
  (list "grafana.mysqlAddress" .Values.grafana.mysqlAddress (printf "^(%s):[0-9]+$" $host) "host:port, such as aurora.internal:3306 or [2001:db8::5]:3306")
  (list "grafana.resolver" .Values.grafana.resolver (printf "^(%s)(:[0-9]+)?( +(%s)(:[0-9]+)?)*$" $server $server) "one address or more of DNS servers, IPv6 in brackets, such as 10.0.0.10 or [fd00::a]")
  (list "grafana.caConfigMap" .Values.grafana.caConfigMap $name "the name of a ConfigMap: small letters, digits, - and . only")
  (list "portal.url" .Values.portal.url (printf "^https?://(%s)(:[0-9]+)?$" $host) "http:// or https:// and a host, without a path or a slash at the end, such as https://voice.example.net")
  (list "portal.existingSecret" .Values.portal.existingSecret $name "the name of a Secret: small letters, digits, - and . only")
  (list "portal.providersSecret" .Values.portal.providersSecret $name "the name of a Secret: small letters, digits, - and . only")
  (list "portal.providersCaConfigMap" .Values.portal.providersCaConfigMap $name "the name of a ConfigMap: small letters, digits, - and . only")
  (list "portal.address" .Values.portal.address (printf "^(%s|\\[[0-9A-Fa-f:.]+\\])$" $address) "an IP address, such as 127.0.0.1 or ::1")
  (list "portal.proxyUser" .Values.portal.proxyUser "^[a-z_][a-z0-9_-]*$" "the name of a user of the proxy's image")
  (list "portal.proxyImage" .Values.portal.proxyImage "^[A-Za-z0-9][A-Za-z0-9._-]*(:[0-9]+)?(/[a-z0-9._-]+)*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?(@sha256:[0-9a-f]{64})?$" "an image with its registry, without https://, such as docker.io/library/nginx:1.29-alpine")
  (list "portal.ingress.className" .Values.portal.ingress.className $name "the name of an IngressClass: small letters, digits, - and . only")
  (list "portal.ingress.tlsSecret" .Values.portal.ingress.tlsSecret $name "the name of a Secret: small letters, digits, - and . only")
  (list "portal.autoscaling.averageCPU" (toString .Values.portal.autoscaling.averageCPU) "^[0-9]+(\\.[0-9]+)?m?$" "an amount of CPU, such as 500m or 1.5")
  (list "metrics.interval" .Values.metrics.interval "^([0-9]+(h|m|s|ms))+$" "a time, such as 30s")
  (list "image.registry" .Values.image.registry "^[A-Za-z0-9][A-Za-z0-9._-]*(:[0-9]+)?(/[a-z0-9._-]+)*$" "a registry, with a path or without, but without https:// and without a slash at the end, such as registry.example.net/voice")
  (list "image.tag" .Values.image.tag "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$" "a tag, such as 1.2.3: what stands after sha256: belongs into operator.image.digest and portal.image.digest")
}}
{{- range $part := list "operator" "portal" }}
  {{- $forms = append $forms (list (printf "%s.priorityClassName" $part) (get $.Values $part).priorityClassName $name "the name of a PriorityClass: small letters, digits, - and . only") }}
  {{- $image := (get $.Values $part).image }}
  {{- $forms = append $forms (list (printf "%s.image.repository" $part) $image.repository "^[a-z0-9][a-z0-9._-]*(/[a-z0-9._-]+)*$" "the name of an image, without tag or digest") }}
  {{- $forms = append $forms (list (printf "%s.image.digest" $part) $image.digest "^sha256:[0-9a-f]{64}$" "sha256: and 64 hexadecimal digits") }}
{{- end }}
{{- range $index, $namespace := .Values.operator.receiverNamespaces }}
  {{- $forms = append $forms (list (printf "operator.receiverNamespaces[%d]" $index) (default " " $namespace) "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$" "the name of a namespace: small letters, digits and - only") }}
{{- end }}
{{- range $index, $network := .Values.portal.trustedProxies }}
  {{- $forms = append $forms (list (printf "portal.trustedProxies[%d]" $index) (default " " $network) (printf "^(%s)(/[1-9][0-9]{0,2})?$" $address) "a network such as 10.0.0.0/8 or fd00::/8, and not everybody's, who could then choose an address") }}
{{- end }}
{{- range $index, $provider := .Values.portal.providers }}
  {{- $forms = append $forms (list (printf "portal.providers[%d].name" $index) (get $provider "name" | default " ") "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$" "a name that VoiceClients call it by: small letters, digits and - only, at most 63") }}
  {{- if and (eq (get $provider "protocol") "saml") (not (or (get $provider "metadata") (get $provider "certificates"))) }}
    {{- $faults = append $faults (printf "portal.providers[%d].metadata is required with protocol saml, or entityId, ssoUrl and certificates in its place" $index) }}
  {{- end }}
  {{- range $key := list "issuer" "clientId" }}
    {{- if and (eq (get $provider "protocol") "oidc") (not (get $provider $key)) }}
      {{- $faults = append $faults (printf "portal.providers[%d].%s is required with protocol oidc" $index $key) }}
    {{- end }}
  {{- end }}
  {{- range $key := list "issuer" "graphUrl" "ssoUrl" "sloUrl" }}
    {{- $forms = append $forms (list (printf "portal.providers[%d].%s" $index $key) (get $provider $key) (printf "^https://(%s)(:[0-9]+)?(/[^?#[:space:]]*)?$" $host) "an https:// URL, without a query") }}
  {{- end }}
{{- end }}
{{- if and .Values.portal.providers (not .Values.portal.providersSecret) }}
  {{- $faults = append $faults "portal.providersSecret is required with portal.providers: the Secret with their client secrets" }}
{{- end }}
{{- range $forms }}
  {{- $label := index . 0 }}{{ $value := index . 1 }}
  {{- if and $value (not (regexMatch (index . 2) $value)) }}
    {{- $faults = append $faults (printf "%s must be %s; it is %q" $label (index . 3) $value) }}
  {{- end }}
{{- end }}

{{- range $required := list
  (list "mysql.host" .Values.mysql.host "Aurora's host name as the pods see it")
  (list "mysql.database" .Values.mysql.database "the name of the database")
  (list "mysql.existingSecret" .Values.mysql.existingSecret "the Secret with the passwords of the database's accounts")
  (list "grafana.url" .Values.grafana.url "Grafana's address with its sub-path, as the pods see it")
  (list "grafana.existingSecret" .Values.grafana.existingSecret "the Secret with Grafana's administrator")
  (list "portal.url" .Values.portal.url "the address that people type")
  (list "portal.existingSecret" .Values.portal.existingSecret "the Secret with the portal's keys")
}}
  {{- if not (index $required 1) }}
    {{- $faults = append $faults (printf "%s is required: %s" (index $required 0) (index $required 2)) }}
  {{- end }}
{{- end }}

{{- $ports := list (int .Values.portal.port) (int .Values.portal.appPort) (int .Values.portal.metricsPort) }}
{{- if ne (len ($ports | uniq)) 3 }}
  {{- $faults = append $faults (printf "portal.port, portal.appPort and portal.metricsPort must be three ports, as one pod has them all; they are %v, %v and %v" .Values.portal.port .Values.portal.appPort .Values.portal.metricsPort) }}
{{- end }}
{{- with .Values.portal.autoscaling }}
  {{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) }}
    {{- $faults = append $faults (printf "portal.autoscaling.minReplicas (%v) must not be more than maxReplicas (%v)" .minReplicas .maxReplicas) }}
  {{- end }}
{{- end }}
{{- if and .Values.portal.httpRoute.enabled (not .Values.portal.httpRoute.parentRefs) }}
  {{- $faults = append $faults "portal.httpRoute.parentRefs is required with portal.httpRoute.enabled: the Gateways that the route belongs to, such as [{name: public, namespace: gateways}]" }}
{{- end }}
{{- if and (eq (len .Values.ipFamilies) 2) (not (hasSuffix "DualStack" .Values.ipFamilyPolicy)) }}
  {{- $faults = append $faults "ipFamilies names two families, so ipFamilyPolicy must be PreferDualStack or RequireDualStack" }}
{{- end }}
{{- range $part := list "operator" "portal" }}
  {{- range (get $.Values $part).extraEnv }}
    {{- if or (hasPrefix "VOICE_" .name) (eq .name "DJANGO_SETTINGS_MODULE") }}
      {{- $faults = append $faults (printf "%s.extraEnv must not set %s: the chart sets it itself, from the other values" $part .name) }}
    {{- end }}
  {{- end }}
{{- end }}
{{ toJson $faults }}
{{- end }}

{{/* What the cluster lacks: a JSON array of texts. Nothing where there is no cluster to look at (helm template). */}}
{{- define "voice.faultyCluster" -}}
{{- $faults := list }}
{{- if and .Values.preflight (lookup "v1" "Namespace" "" .Release.Namespace) }}
  {{- $needed := list
    (list "Secret" "mysql.existingSecret" .Values.mysql.existingSecret (list "owner" "operator" "portal"))
    (list "Secret" "grafana.existingSecret" .Values.grafana.existingSecret (list "user" "password"))
    (list "Secret" "portal.existingSecret" .Values.portal.existingSecret (list "secret-key" "grafana-jwt.pem"))
    (list "ConfigMap" "mysql.caConfigMap" .Values.mysql.caConfigMap (list "ca.pem"))
    (list "ConfigMap" "grafana.caConfigMap" .Values.grafana.caConfigMap (list "ca.pem"))
  }}
  {{- $secrets := list }}
  {{- range .Values.portal.providers }}
    {{- $secrets = concat $secrets (eq (get . "protocol") "saml" | ternary (list "saml.key" "saml.crt") (list (get . "name"))) }}
  {{- end }}
  {{- if $secrets }}
    {{- $needed = append $needed (list "Secret" "portal.providersSecret" .Values.portal.providersSecret (uniq $secrets)) }}
    {{- $needed = append $needed (list "ConfigMap" "portal.providersCaConfigMap" .Values.portal.providersCaConfigMap (list "ca.pem")) }}
  {{- end }}
  {{- range $needed }}
    {{- $kind := index . 0 }}{{ $label := index . 1 }}{{ $name := index . 2 }}{{ $keys := index . 3 }}
    {{- if $name }}
      {{- $found := lookup "v1" $kind $.Release.Namespace $name }}
      {{- $there := keys (dig "data" dict $found) | default list }}
      {{- $how := printf "kubectl create %s %s --namespace %s --from-file=%s=FILE" (ternary "secret generic" "configmap" (eq $kind "Secret")) $name $.Release.Namespace (join "=FILE --from-file=" $keys) }}
      {{- if not $found }}
        {{- $faults = append $faults (printf "the %s %s, which %s names, is not in the namespace %s: %s" $kind $name $label $.Release.Namespace $how) }}
      {{- else }}
        {{- range $keys }}
          {{- if not (has . $there) }}
            {{- $faults = append $faults (printf "the %s %s of the namespace %s, which %s names, has no key %s: it needs %s" $kind $name $.Release.Namespace $label . (join " and " $keys)) }}
          {{- else }}
            {{- $value := get $found.data . }}
            {{- if eq $kind "Secret" }}{{ $value = b64dec $value }}{{ end }}
            {{- with include "voice.faultyContent" (dict "key" . "value" $value) }}
              {{- $faults = append $faults (printf "the %s %s of the namespace %s, which %s names, %s" $kind $name $.Release.Namespace $label .) }}
            {{- end }}
          {{- end }}
        {{- end }}
      {{- end }}
    {{- end }}
  {{- end }}
  {{- with include "voice.oldCrds" . }}{{ $faults = append $faults . }}{{ end }}
  {{- with include "voice.closedApiServer" . }}{{ $faults = append $faults . }}{{ end }}
{{- end }}
{{ toJson $faults }}
{{- end }}

{{/* What is wrong with the .value of a .key; empty: nothing that can be seen from here. */}}
{{- define "voice.faultyContent" -}}
{{- if not (trim .value) -}}
has nothing in its key {{ .key }}: put the value itself into it
{{- else if and (eq .key "ca.pem") (not (contains "-----BEGIN CERTIFICATE-----" .value)) -}}
has no certificate in its key ca.pem: it must be that of the authority, in PEM
{{- else if and (eq .key "grafana-jwt.pem") (not (regexMatch "-----BEGIN (RSA )?PRIVATE KEY-----" .value)) -}}
has no private key in its key grafana-jwt.pem: it must be an RSA key in PEM, without a password
{{- else if and (eq .key "secret-key") (lt (len (trim .value)) 50) -}}
has less than 50 characters in its key secret-key
{{- end }}
{{- end }}

{{/* The sentence about the first of the cluster's CRDs that is older than the chart's; empty if none is. Helm upgrades none. */}}
{{- define "voice.oldCrds" -}}
{{- $revision := "voicequality.io/crd-revision" }}
{{- $sentences := list }}
{{- range $path, $_ := .Files.Glob "crds/*.yaml" }}
  {{- $ours := $.Files.Get $path | fromYaml }}
  {{- $wanted := dig "metadata" "annotations" $revision "0" $ours }}
  {{- $found := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" $ours.metadata.name }}
  {{- $is := dig "metadata" "annotations" $revision "0" $found }}
  {{- if or (and $found (lt (int $is) (int $wanted))) (and $.Release.IsUpgrade (not $found)) }}
    {{- $state := ternary (printf "is older (revision %s) than this chart needs (%s)" $is $wanted) "is missing" (not (empty $found)) }}
    {{- $sentences = append $sentences (printf "the cluster's CRD %s %s, and helm upgrades none; first: helm show crds CHART | kubectl apply --server-side --field-manager=helm --force-conflicts -f -" $ours.metadata.name $state) }}
  {{- end }}
{{- end }}
{{- with $sentences }}{{ first . }}{{ end }}
{{- end }}

{{/* The sentence about a NetworkPolicy that would keep the operator from the API server; empty if none would. */}}
{{- define "voice.closedApiServer" -}}
{{- $open := list }}
{{- range .Values.networkPolicies.ports.apiServer }}{{ $open = append $open (int .) }}{{ end }}
{{- $closed := list }}
{{- range dig "ports" list (lookup "discovery.k8s.io/v1" "EndpointSlice" "default" "kubernetes") }}
  {{- if not (has (int .port) $open) }}{{ $closed = append $closed (int .port) }}{{ end }}
{{- end }}
{{- if and .Values.networkPolicies.enabled $closed -}}
the API server listens at port {{ join " and " $closed }}, and networkPolicies.ports.apiServer does not let the operator reach it: it must be [{{ join ", " (concat $open $closed) }}]
{{- end }}
{{- end }}
