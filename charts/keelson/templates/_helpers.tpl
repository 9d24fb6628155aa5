{{- define "keelson.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "keelson.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "keelson.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "keelson.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "keelson.selectorLabels" -}}
app.kubernetes.io/name: {{ include "keelson.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: kube-apiserver
{{- end }}

{{- define "keelson.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "keelson.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "keelson.image" -}}
{{- $i := .Values.image }}
{{- with $i.registry }}{{ . }}/{{ end }}{{ $i.repository }}
{{- if $i.digest }}@{{ $i.digest }}{{ else }}:{{ default .Chart.AppVersion $i.tag }}{{ end }}
{{- end }}

{{- define "keelson.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "keelson.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* The name of a Secret: (list . "serving" "-serving"). */}}
{{- define "keelson.secret" -}}
{{- $root := index . 0 }}
{{- $key := index . 1 }}
{{- $name := get $root.Values.certificates.secrets $key }}
{{- if $name }}
{{- $name }}
{{- else if eq $root.Values.certificates.source "existing" }}
{{- fail (printf "certificates.secrets.%s: must name a Secret, as certificates.source is existing" $key) }}
{{- else }}
{{- include "keelson.fullname" $root }}{{ index . 2 }}
{{- end }}
{{- end }}
{{- define "keelson.secret.ca" }}{{ include "keelson.secret" (list . "ca" "-ca") }}{{ end }}
{{- define "keelson.secret.serving" }}{{ include "keelson.secret" (list . "serving" "-serving") }}{{ end }}
{{- define "keelson.secret.frontProxyCA" }}{{ include "keelson.secret" (list . "frontProxyCA" "-front-proxy-ca") }}{{ end }}
{{- define "keelson.secret.frontProxyClient" }}{{ include "keelson.secret" (list . "frontProxyClient" "-front-proxy-client") }}{{ end }}
{{- define "keelson.secret.serviceAccount" }}{{ include "keelson.secret" (list . "serviceAccount" "-service-account") }}{{ end }}
{{- define "keelson.secret.tokens" }}{{ default (printf "%s-tokens" (include "keelson.fullname" .)) .Values.tokens.secretName }}{{ end }}

{{- define "keelson.server" -}}
{{- if .Values.adminKubeconfig.server }}
{{- .Values.adminKubeconfig.server }}
{{- else }}
{{- printf "https://%s.%s.svc:%d" (include "keelson.fullname" .) .Release.Namespace (int .Values.service.port) }}
{{- end }}
{{- end }}

{{/* The first address of the range of services. */}}
{{- define "keelson.kubernetesServiceIP" -}}
{{- $network := .Values.network }}
{{- if $network.kubernetesServiceIP }}
{{- $network.kubernetesServiceIP }}
{{- else }}
{{- $range := first (splitList "," $network.serviceClusterIPRange) | trim }}
{{- if contains ":" $range }}
{{- fail "network.kubernetesServiceIP: must be given where the first range of services is of IPv6: its first address" }}
{{- end }}
{{- $parts := splitList "/" $range }}
{{- $number := 0 }}
{{- range splitList "." (first $parts) }}{{ $number = add (mul $number 256) (int .) }}{{ end }}
{{- $size := 1 }}
{{- range until (sub 32 (int (last $parts)) | int) }}{{ $size = mul $size 2 }}{{ end }}
{{- $first := add1 (sub $number (mod $number $size)) }}
{{- printf "%d.%d.%d.%d" (div $first 16777216) (mod (div $first 65536) 256) (mod (div $first 256) 256) (mod $first 256) }}
{{- end }}
{{- end }}

{{/* What the serving certificate is for, as JSON: {"names": […], "addresses": […]}. */}}
{{- define "keelson.hosts" -}}
{{- $full := include "keelson.fullname" . }}
{{- $domain := .Values.network.clusterDomain }}
{{- $names := list "kubernetes" "kubernetes.default" "kubernetes.default.svc" (printf "kubernetes.default.svc.%s" $domain) }}
{{- $names = concat $names (list $full (printf "%s.%s" $full .Release.Namespace) (printf "%s.%s.svc" $full .Release.Namespace) "localhost") }}
{{- $addresses := list (include "keelson.kubernetesServiceIP" .) "127.0.0.1" }}
{{- range concat (list .Values.network.advertiseAddress .Values.service.loadBalancerIP) .Values.network.hosts }}
{{- if not . }}
{{- else if or (contains ":" .) (regexMatch "^[0-9.]+$" .) }}
{{- $addresses = append $addresses . }}
{{- else }}
{{- $names = append $names . }}
{{- end }}
{{- end }}
{{- dict "names" (uniq $names) "addresses" (uniq $addresses) | toJson }}
{{- end }}

{{/* The flags, a line each. */}}
{{- define "keelson.args" -}}
{{- $v := .Values }}
{{- $pki := "/etc/kubernetes/pki" }}
{{- $args := dict
  "advertise-address" (default "$(POD_IP)" $v.network.advertiseAddress)
  "allow-privileged" $v.allowPrivileged
  "authorization-mode" (join "," $v.authorizationModes)
  "client-ca-file" (printf "%s/ca.crt" $pki)
  "enable-admission-plugins" (join "," $v.admission.enable)
  "disable-admission-plugins" (join "," $v.admission.disable)
  "enable-bootstrap-token-auth" $v.bootstrapTokens
  "goaway-chance" $v.goawayChance
  "logging-format" $v.logging.format
  "proxy-client-cert-file" (printf "%s/front-proxy-client.crt" $pki)
  "proxy-client-key-file" (printf "%s/front-proxy-client.key" $pki)
  "request-timeout" (printf "%ds" (int $v.requestTimeoutSeconds))
  "requestheader-allowed-names" "front-proxy-client"
  "requestheader-client-ca-file" (printf "%s/front-proxy-ca.crt" $pki)
  "requestheader-extra-headers-prefix" "X-Remote-Extra-"
  "requestheader-group-headers" "X-Remote-Group"
  "requestheader-username-headers" "X-Remote-User"
  "secure-port" "6443"
  "service-account-issuer" (default (printf "https://kubernetes.default.svc.%s" $v.network.clusterDomain) $v.serviceAccounts.issuer)
  "service-account-key-file" (printf "%s/sa.key" $pki)
  "service-account-signing-key-file" (printf "%s/sa.key" $pki)
  "service-cluster-ip-range" $v.network.serviceClusterIPRange
  "shutdown-delay-duration" (printf "%ds" (int $v.shutdown.delaySeconds))
  "shutdown-send-retry-after" true
  "shutdown-watch-termination-grace-period" (printf "%ds" (int $v.shutdown.watchTerminationGraceSeconds))
  "tls-cert-file" (printf "%s/apiserver.crt" $pki)
  "tls-private-key-file" (printf "%s/apiserver.key" $pki)
  "token-auth-file" (printf "%s/tokens.csv" $pki)
  "v" (int $v.logging.verbosity)
}}
{{- range list "enable-admission-plugins" "disable-admission-plugins" }}
{{- if not (get $args .) }}{{ $_ := unset $args . }}{{ end }}
{{- end }}
{{- if eq $v.store "etcd" }}
{{- if not $v.etcd.endpoints }}
{{- fail "etcd.endpoints: must name the servers of an etcd cluster, as store is etcd" }}
{{- end }}
{{- $_ := set $args "etcd-servers" (join "," $v.etcd.endpoints) }}
{{- $_ := set $args "etcd-prefix" $v.etcd.prefix }}
{{- if $v.etcd.tls.secretName }}
{{- $_ := set $args "etcd-cafile" (printf "%s/etcd/ca.crt" $pki) }}
{{- if $v.etcd.tls.clientCertificate }}
{{- $_ := set $args "etcd-certfile" (printf "%s/etcd/client.crt" $pki) }}
{{- $_ := set $args "etcd-keyfile" (printf "%s/etcd/client.key" $pki) }}
{{- end }}
{{- end }}
{{- else }}
{{- $_ := set $args "data-dir" "/var/lib/keelson" }}
{{- /* One server alone sends nobody away. */}}
{{- $_ := unset $args "goaway-chance" }}
{{- end }}
{{- if $v.certificates.kubeletClientSecret }}
{{- $_ := set $args "kubelet-client-certificate" (printf "%s/kubelet-client.crt" $pki) }}
{{- $_ := set $args "kubelet-client-key" (printf "%s/kubelet-client.key" $pki) }}
{{- end }}
{{- range $flag, $value := $v.extraArgs }}
{{- $_ := set $args $flag $value }}
{{- end }}
{{- range $v.omitArgs }}{{ $_ := unset $args . }}{{ end }}
{{- range $flag, $value := $args }}
{{- range (kindIs "slice" $value | ternary $value (list $value)) }}
- {{ printf "--%s=%v" $flag . | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* A probe: (list "/livez" period failures). */}}
{{- define "keelson.probe" -}}
httpGet:
  path: {{ index . 0 }}
  port: https
  scheme: HTTPS
timeoutSeconds: 15
periodSeconds: {{ index . 1 }}
failureThreshold: {{ index . 2 }}
{{- end }}

{{/* The template of the pods, of a Deployment or a StatefulSet. */}}
{{- define "keelson.pod" -}}
{{- $v := .Values -}}
metadata:
  labels:
    {{- include "keelson.labels" . | nindent 4 }}
    {{- with $v.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  annotations:
    kubectl.kubernetes.io/default-container: kube-apiserver
    {{- with $v.configFiles }}
    # Not all files are read again when they change.
    checksum/config: {{ toJson . | sha256sum }}
    {{- end }}
    {{- with $v.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  {{- with $v.image.pullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  serviceAccountName: {{ include "keelson.serviceAccountName" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  # The delay, then requests and watches that end side by side; withdrawing, closing and the rest take 25 s at most.
  terminationGracePeriodSeconds: {{ add $v.shutdown.delaySeconds (max $v.requestTimeoutSeconds $v.shutdown.watchTerminationGraceSeconds) 30 }}
  {{- with $v.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    {{- toYaml $v.podSecurityContext | nindent 4 }}
  containers:
    - name: kube-apiserver
      image: {{ include "keelson.image" . | quote }}
      imagePullPolicy: {{ $v.image.pullPolicy }}
      command: [kube-apiserver]
      args:
        {{- include "keelson.args" . | trim | nindent 8 }}
      env:
        - name: POD_IP
          valueFrom:
            fieldRef:
              fieldPath: status.podIP
        {{- with $v.extraEnv }}{{ toYaml . | nindent 8 }}{{ end }}
      ports:
        - name: https
          containerPort: 6443
          protocol: TCP
      livenessProbe:
        {{- include "keelson.probe" (list "/livez" 10 8) | nindent 8 }}
      readinessProbe:
        {{- include "keelson.probe" (list "/readyz" 1 3) | nindent 8 }}
      startupProbe:
        {{- include "keelson.probe" (list "/livez" 2 120) | nindent 8 }}
      resources:
        {{- toYaml $v.resources | nindent 8 }}
      securityContext:
        {{- toYaml $v.securityContext | nindent 8 }}
      volumeMounts:
        - name: pki
          mountPath: /etc/kubernetes/pki
          readOnly: true
        {{- if $v.configFiles }}
        - name: config
          mountPath: /etc/kubernetes/config
          readOnly: true
        {{- end }}
        {{- if eq $v.store "embedded" }}
        - name: data
          mountPath: /var/lib/keelson
        {{- end }}
        {{- with $v.extraVolumeMounts }}{{ toYaml . | nindent 8 }}{{ end }}
  volumes:
    - name: pki
      projected:
        defaultMode: 0440
        sources:
          - secret:
              name: {{ include "keelson.secret.ca" . }}
              items: [{key: tls.crt, path: ca.crt}]
          - secret:
              name: {{ include "keelson.secret.serving" . }}
              items: [{key: tls.crt, path: apiserver.crt}, {key: tls.key, path: apiserver.key}]
          - secret:
              name: {{ include "keelson.secret.frontProxyCA" . }}
              items: [{key: tls.crt, path: front-proxy-ca.crt}]
          - secret:
              name: {{ include "keelson.secret.frontProxyClient" . }}
              items: [{key: tls.crt, path: front-proxy-client.crt}, {key: tls.key, path: front-proxy-client.key}]
          - secret:
              name: {{ include "keelson.secret.serviceAccount" . }}
              items: [{key: tls.key, path: sa.key}]
          - secret:
              name: {{ include "keelson.secret.tokens" . }}
              items: [{key: tokens.csv, path: tokens.csv}]
          {{- if and (eq $v.store "etcd") $v.etcd.tls.secretName }}
          - secret:
              name: {{ $v.etcd.tls.secretName }}
              items:
                - {key: ca.crt, path: etcd/ca.crt}
                {{- if $v.etcd.tls.clientCertificate }}
                - {key: tls.crt, path: etcd/client.crt}
                - {key: tls.key, path: etcd/client.key}
                {{- end }}
          {{- end }}
          {{- with $v.certificates.kubeletClientSecret }}
          - secret:
              name: {{ . }}
              items: [{key: tls.crt, path: kubelet-client.crt}, {key: tls.key, path: kubelet-client.key}]
          {{- end }}
    {{- if $v.configFiles }}
    - name: config
      configMap:
        name: {{ include "keelson.fullname" . }}-config
    {{- end }}
    {{- with $v.extraVolumes }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- with $v.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- $term := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" (include "keelson.selectorLabels" . | fromYaml)) }}
  {{- if $v.affinity }}
  affinity:
    {{- toYaml $v.affinity | nindent 4 }}
  {{- else if and (eq $v.store "etcd") (eq $v.podAntiAffinity "hard") }}
  affinity:
    podAntiAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        {{- toYaml (list $term) | nindent 8 }}
  {{- else if and (eq $v.store "etcd") (eq $v.podAntiAffinity "soft") }}
  affinity:
    podAntiAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
        {{- toYaml (list (dict "weight" 100 "podAffinityTerm" $term)) | nindent 8 }}
  {{- end }}
  {{- if and (eq $v.store "etcd") $v.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range $v.topologySpreadConstraints }}
    - {{ toYaml (merge (deepCopy .) (dict "labelSelector" (dict "matchLabels" (include "keelson.selectorLabels" $ | fromYaml)))) | nindent 6 | trim }}
    {{- end }}
  {{- end }}
{{- end }}
