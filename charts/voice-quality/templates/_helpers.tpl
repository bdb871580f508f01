{{- define "voice.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "voice.labels" -}}
app.kubernetes.io/part-of: voice-quality
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* Settings of the database, for the account (owner, operator or portal) given as .account. */}}
{{- define "voice.mysqlEnv" -}}
- {name: VOICE_MYSQL_HOST, value: {{ required "mysql.host is required: Aurora's host name as the pods see it" .root.Values.mysql.host | quote }}}
- {name: VOICE_MYSQL_PORT, value: {{ .root.Values.mysql.port | quote }}}
- {name: VOICE_MYSQL_DATABASE, value: {{ .root.Values.mysql.database | quote }}}
- {name: VOICE_MYSQL_USER, value: voice_{{ .account }}}
- name: VOICE_MYSQL_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ .root.Values.mysql.existingSecret }}, key: {{ .account }}}}
- {name: VOICE_MYSQL_TLS_CA, value: {{ ternary "/etc/voice-mysql/ca.pem" "" (ne .root.Values.mysql.caConfigMap "") | quote }}}
{{- end }}

{{/* Settings of the portal, which logs in to the database as .account. */}}
{{- define "voice.portalEnv" -}}
- {name: DJANGO_SETTINGS_MODULE, value: voice_portal.config.settings}
{{ include "voice.mysqlEnv" . }}
- {name: VOICE_PORTAL_URL, value: {{ required "portal.url is required: the address that people type" .root.Values.portal.url | quote }}}
- {name: VOICE_GRAFANA_URL, value: {{ required "grafana.url is required: Grafana's address with its sub-path" .root.Values.grafana.url | quote }}}
- {name: VOICE_GRAFANA_JWT_KEY_FILE, value: /etc/voice-portal/grafana-jwt.pem}
- name: VOICE_PORTAL_SECRET_KEY
  valueFrom: {secretKeyRef: {name: {{ .root.Values.portal.existingSecret }}, key: secret-key}}
{{- end }}

{{/* Grafana's host as a certificate names it: no port, no brackets. */}}
{{- define "voice.grafanaHost" -}}
{{ regexReplaceAll ":[0-9]+$" (urlParse .Values.grafana.url).host "" | trimAll "[]" }}
{{- end }}

{{/* "yes" if the proxy must ask the pod's own DNS servers for Grafana's name, which only a shell can tell nginx. */}}
{{- define "voice.asksPodsResolver" -}}
{{- $literal := regexMatch "^[0-9.]+$|:" (include "voice.grafanaHost" .) -}}
{{ if not (or $literal .Values.grafana.resolver) }}yes{{ end }}
{{- end }}

{{/* Where the proxy listens, with the .options of each. */}}
{{- define "voice.proxyListen" -}}
{{- $portal := .root.Values.portal }}
{{- with $portal.address }}
{{- $address := trimAll "[]" . -}}
listen {{ ternary (printf "[%s]" $address) $address (contains ":" $address) }}:{{ $portal.port }}{{ $.options }};
{{- else -}}
listen {{ $portal.port }}{{ .options }};
listen [::]:{{ $portal.port }}{{ .options }};
{{- end }}
{{- end }}

{{- define "voice.proxyCommand" -}}
{{- if include "voice.asksPodsResolver" . -}}
- sh
- -ec
- |
  # As resolv.conf(5) says: no server named means this machine. nginx takes IPv6 in brackets, and none with a zone.
  awk '$1 == "nameserver" && $2 !~ /%/ { s = s " " ($2 ~ /:/ ? "[" $2 "]" : $2) }
       END { print "resolver" (s ? s : " 127.0.0.1") " valid=30s;" }' /etc/resolv.conf > /run/voice-proxy/resolver.conf
  exec nginx -c /etc/voice-proxy/nginx.conf
{{- else -}}
- nginx
- -c
- /etc/voice-proxy/nginx.conf
{{- end }}
{{- end }}

{{- define "voice.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "voice.podSecurity" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "voice.mysqlVolume" -}}
{{- with .Values.mysql.caConfigMap }}
- {name: mysql-ca, configMap: {name: {{ . }}}}
{{- end }}
{{- end }}

{{- define "voice.mysqlMount" -}}
{{- if .Values.mysql.caConfigMap }}
- {name: mysql-ca, mountPath: /etc/voice-mysql, readOnly: true}
{{- end }}
{{- end }}
