# Asks a menagerie server about pictures. Usage: ./classify.ps1 picture.jpg, picture.png
param([Parameter(Mandatory)] [string[]] $Path)
$ErrorActionPreference = 'Stop'
$url = if ($env:MENAGERIE_URL) { $env:MENAGERIE_URL } else { 'http://127.0.0.1:8080' }
foreach ($file in $Path) {
    # The picture as the body works in PowerShell 5.1 too, which has no -Form.
    $reply = Invoke-RestMethod -Method Post -Uri "$url/classify?top_k=3" -InFile $file -ContentType 'application/octet-stream'
    $best = $reply.results[0].predictions | ForEach-Object { '{0} {1:n3}' -f $_.label, $_.score }
    '{0}: {1}' -f (Split-Path $file -Leaf), ($best -join ', ')
}
