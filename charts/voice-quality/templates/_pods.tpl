{{/* What all pods have in common. */}}

{{/* metadata of the pods of .name; .labels and .annotations of its own, if any. The chart's own labels win. */}}
{{- define "voice.podMetadata" -}}
labels:
  {{- $own := merge (include "voice.selector" . | fromYaml) (include "voice.chartLabels" .root | fromYaml) }}
  {{- merge $own (.labels | default dict) .root.Values.commonLabels | toYaml | nindent 2 }}
{{- with .annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Pod security "restricted", and where the images come from. */}}
{{- define "voice.podSecurity" -}}
# No variables named after whatever Services there are.
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "voice.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* On which nodes pods may run: .values of the operator or the portal. */}}
{{- define "voice.nodes" -}}
{{- with .values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* How the pods of .name, a Deployment's, keep apart. */}}
{{- define "voice.spread" -}}
{{- $selector := include "voice.selector" . | fromYaml }}
affinity:
  {{- with .values.affinity }}
  {{- toYaml . | nindent 2 }}
  {{- else }}
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels: {{- toYaml $selector | nindent 14 }}
  {{- end }}
{{- with .values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- range . }}
  - {{- ternary . (merge (dict "labelSelector" (dict "matchLabels" $selector)) .) (hasKey . "labelSelector") | toYaml | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* What the portal runs on, in its pods and in the migration's: the database as .account. */}}
{{- define "voice.portalEnv" -}}
- {name: DJANGO_SETTINGS_MODULE, value: voice_portal.config.settings}
{{ include "voice.mysqlEnv" . }}
- {name: VOICE_PORTAL_URL, value: {{ .root.Values.portal.url | quote }}}
- {name: VOICE_GRAFANA_URL, value: {{ .root.Values.grafana.url | quote }}}
- {name: VOICE_GRAFANA_JWT_KEY_FILE, value: /etc/voice-portal/grafana-jwt.pem}
- {name: VOICE_PORTAL_SECRET_KEY_FILE, value: /etc/voice-portal/secret-key}
{{- end }}

{{/* Settings of the database, for the account (owner, operator or portal) given as .account. */}}
{{- define "voice.mysqlEnv" -}}
- {name: VOICE_MYSQL_HOST, value: {{ .root.Values.mysql.host | quote }}}
- {name: VOICE_MYSQL_PORT, value: {{ .root.Values.mysql.port | quote }}}
- {name: VOICE_MYSQL_DATABASE, value: {{ .root.Values.mysql.database | quote }}}
- {name: VOICE_MYSQL_USER, value: voice_{{ .account }}}
- {name: VOICE_MYSQL_PASSWORD_FILE, value: /etc/voice-mysql-password/password}
- {name: VOICE_MYSQL_TLS_CA, value: {{ ternary "/etc/voice-mysql/ca.pem" "" (ne .root.Values.mysql.caConfigMap "") | quote }}}
{{- end }}

{{/* Secrets are files, which the kubelet exchanges in place: none stands in an environment, nor in a manifest. */}}
{{- define "voice.mysqlVolumes" -}}
- name: mysql-password
  secret:
    secretName: {{ .root.Values.mysql.existingSecret | quote }}
    defaultMode: 0440
    items: [{key: {{ .account }}, path: password}]
{{- with .root.Values.mysql.caConfigMap }}
- {name: mysql-ca, configMap: {name: {{ . | quote }}, items: [{key: ca.pem, path: ca.pem}]}}
{{- end }}
{{- end }}

{{- define "voice.mysqlMounts" -}}
- {name: mysql-password, mountPath: /etc/voice-mysql-password, readOnly: true}
{{- if .Values.mysql.caConfigMap }}
- {name: mysql-ca, mountPath: /etc/voice-mysql, readOnly: true}
{{- end }}
{{- end }}

{{- define "voice.portalVolumes" -}}
{{ include "voice.mysqlVolumes" . }}
# Whole: while the key is exchanged there is a secret-key-previous, too.
- {name: keys, secret: {secretName: {{ .root.Values.portal.existingSecret | quote }}, defaultMode: 0440}}
- {name: tmp, emptyDir: {}}
{{- with .root.Values.portal.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "voice.portalMounts" -}}
{{ include "voice.mysqlMounts" . }}
- {name: keys, mountPath: /etc/voice-portal, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- with .Values.portal.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "voice.grafanaCaVolume" -}}
{{- with .Values.grafana.caConfigMap }}
- {name: grafana-ca, configMap: {name: {{ . | quote }}, items: [{key: ca.pem, path: ca.pem}]}}
{{- end }}
{{- end }}

{{- define "voice.grafanaCaMount" -}}
{{- if .Values.grafana.caConfigMap }}
- {name: grafana-ca, mountPath: /etc/voice-grafana, readOnly: true}
{{- end }}
{{- end }}

{{/* The portal's providers of identity: what is known of them, their secrets, and whom to believe that they are they. */}}
{{- define "voice.providersVolumes" -}}
{{- if .Values.portal.providers }}
- {name: providers, configMap: {name: voice-quality-portal-providers}}
- {name: providers-secret, secret: {secretName: {{ .Values.portal.providersSecret | quote }}, defaultMode: 0440}}
{{- with .Values.portal.providersCaConfigMap }}
- {name: providers-ca, configMap: {name: {{ . | quote }}, items: [{key: ca.pem, path: ca.pem}]}}
{{- end }}
{{- end }}
{{- end }}

{{- define "voice.providersMounts" -}}
{{- if .Values.portal.providers }}
- {name: providers, mountPath: /etc/voice-providers, readOnly: true}
- {name: providers-secret, mountPath: /etc/voice-providers-secret, readOnly: true}
{{- if .Values.portal.providersCaConfigMap }}
- {name: providers-ca, mountPath: /etc/voice-providers-ca, readOnly: true}
{{- end }}
{{- end }}
{{- end }}

{{/* Where Prometheus finds the metrics on .port, unless a monitor tells it. */}}
{{- define "voice.scraped" -}}
{{- if not .root.Values.metrics.monitor -}}
prometheus.io/scrape: "true"
prometheus.io/port: {{ .port | quote }}
prometheus.io/path: /metrics
{{- end }}
{{- end }}
