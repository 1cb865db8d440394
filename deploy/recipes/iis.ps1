# The part of the IIS recipe that runs on Windows, as C:\neverlapse\iis.ps1. It reads lines of
# "name value" from standard input; docs/recipes/iis.md explains it. Never run against
# the real IIS in our tests.
$ErrorActionPreference = 'Stop'
$in = @{}
while ($null -ne ($line = [Console]::In.ReadLine())) {
    $name, $value = $line -split ' ', 2
    $in[$name] = $value
}

function Find-Binding {
    Import-Module WebAdministration
    $wanted = @{ Name = $in.site; Protocol = 'https'; Port = [int]$in.port }
    if ($in.host) { $wanted.HostHeader = $in.host }
    $found = @(Get-WebBinding @wanted)
    if ($found.Count -ne 1) { throw "site '$($in.site)' has $($found.Count) https bindings on port $($in.port) for host '$($in.host)'; make exactly one" }
    $found[0]
}

function Write-Certificate($thumbprint) {
    $c = Get-Item "Cert:\LocalMachine\My\$thumbprint"
    '-----BEGIN CERTIFICATE-----'
    [Convert]::ToBase64String($c.RawData, 'InsertLineBreaks')
    '-----END CERTIFICATE-----'
}

# Add-Pfx puts key and chain into the store of the machine and gives the thumbprint of the leaf.
function Add-Pfx {
    $password = [Text.Encoding]::ASCII.GetString([Convert]::FromBase64String($in.password))
    $flags = [Security.Cryptography.X509Certificates.X509KeyStorageFlags]'MachineKeySet, PersistKeySet'
    $all = New-Object Security.Cryptography.X509Certificates.X509Certificate2Collection
    $all.Import([Convert]::FromBase64String($in.pfx), $password, $flags)
    $leaf = $null
    foreach ($c in $all) {
        $where = 'CA'
        if ($c.HasPrivateKey) { $where = 'My'; $leaf = $c }
        $store = New-Object Security.Cryptography.X509Certificates.X509Store($where, 'LocalMachine')
        $store.Open('ReadWrite')
        $store.Add($c)
        $store.Close()
    }
    if ($null -eq $leaf) { throw 'the PFX holds no private key' }
    $leaf.Thumbprint
}

try {
    $binding = Find-Binding
    switch ($in.verb) {
        'check' { }
        'current' { if ($binding.certificateHash) { Write-Certificate $binding.certificateHash } }
        'capture' { "$($binding.certificateHash)" }
        'install' { $binding.AddSslCertificate((Add-Pfx), 'My') }
        'restore' {
            if ($in.thumbprint) { $binding.AddSslCertificate($in.thumbprint, 'My') }
            elseif ($binding.certificateHash) { $binding.RemoveSslCertificate() }
        }
        default { exit 64 }
    }
} catch {
    [Console]::Error.WriteLine($_.Exception.Message)
    exit 1
}
