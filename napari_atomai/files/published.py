"""Microscope files that their authors published under permissive licences, each pinned to one commit.

Only files whose bytes were compared with the commit are listed, and only licences that let everyone use
them and pass them on. They are not part of this package.
"""

from __future__ import annotations

from napari_atomai.files.sample import Origin, Sample

_PYTEMLIB = Origin("pycroscopy/pyTEMlib", "MIT", "G. Duscher and the pyTEMlib developers")
_FUSED = Origin(
    "msa-em/fused-multi-modal-em", "MIT", "J. Manassa et al., Elemental Microscopy, doi:10.69761/MXVR4353"
)
_SCIFI = Origin("pycroscopy/SciFiDatasets", "MIT", "pycroscopy developers (2021)")
_TWIN = Origin("pycroscopy/DTMicroscope", "MIT", "DTMicroscope developers (2024)")
_DISPLACEMENT = Origin("AliBaghizadeh/Analysis-of-atomic-displacement-in-STEM-images", "MIT", "A. Baghizadeh")
_AI4STEM = Origin(
    "AndreasLeitherer/ai4stem", "Apache-2.0", "A. Leitherer et al., npj Comput. Mater. 9, 179 (2023)"
)
_CNMS = Origin("pycroscopy/CNMS_UM_2018_SPIMA", "MIT", "pycroscopy developers (2018)")
_MXENE = Origin(
    "NREL/mxene_seg", "BSD-3-Clause", "G. Guinan et al., National Laboratory of the Rockies (2025)"
)
_PORPHYRIN = Origin(
    "Sjeon1/HAADF_Atom_Detection", "Apache-2.0", "HAADF_Atom_Detection, Matter (2024), S2590-2385(24)00588-5"
)
_SINGLE = Origin("HPAI-BSC/AtomDetection_ACSTEM", "MIT", "HPAI-BSC (2022), doi:10.1021/jacs.1c12466")
_SEGNET = Origin("xinhuolin/AtomSegNet", "MIT", "AtomSegNet, Sci. Rep. 11, 5386 (2021)")
_PYNSID = Origin("pycroscopy/pyNSID", "MIT", "pycroscopy developers (2020)")
_PYCROSCOPY = Origin("pycroscopy/pycroscopy", "MIT", "S. Somnath, C. R. Smith, S. Jesse, N. Laanait (2016)")
_WORKSHOP = Origin("pycroscopy/MM_2018_Workshop", "MIT", "pycroscopy developers (2018)")
_PROBE = Origin("SPMQT-Lab/Createc-to-Nanonis-file-conversion", "MIT", "SPMQT-Lab and contributors (2026)")
_G80 = Origin("New-Horizons-SPM/G80SXM", "MIT", "New-Horizons-SPM, Monash University (2022)")
_TEMIMAGE = Origin("rhambach/TEMimage", "BSD-3-Clause", "R. Hambach (2011)")
_SINTERING = Origin(
    "msa-em/microscopy-seg-track",
    "CC-BY-4.0",
    "Yifei Duan et al., Elemental Microscopy, doi:10.69761/HDTA8338",
)

SAMPLES: tuple[Sample, ...] = (
    Sample(
        "stem_SrTiO3_NSID",
        "SrTiO3, HAADF, NSID",
        _PYNSID,
        "46131bf68938133a94f3b77064fb6a6fb7af8843",
        "notebooks/00_basic_usage/STO_test_image.hf5",
        "3d81e8fc86a89c58396b0e3a1a5831669f6cd68879c32ae135af86d866b3d3f3",
        1_762_064,
        "SrTiO3 with both sublattices, calibrated, as sidpy stores it",
    ),
    Sample(
        "stem_BaTiO3_1",
        "BaTiO3, HAADF, first crystal, DM4",
        _DISPLACEMENT,
        "7a202b7dc1ebaac5e28a063735b54557958421fe",
        "images/BTO_crystal_1.dm4",
        "c47af5e0fff46aeeaaadadbc5e039fa89c353a18fa8cbc10ce6d6bd3b78e8fc8",
        1_316_242,
        "Ba and Ti sublattices, mean of an aligned stack: displacements",
    ),
    Sample(
        "stem_BaTiO3_2",
        "BaTiO3, HAADF, second crystal, DM4",
        _DISPLACEMENT,
        "7a202b7dc1ebaac5e28a063735b54557958421fe",
        "images/BTO_crystal_2.dm4",
        "1fc81fe10c21e2c89c9fa4f8cbc82dd05aedc9b9eb5193edd4c1e03dda62626f",
        2_358_495,
        "Ba and Ti sublattices of another crystal",
    ),
    Sample(
        "stem_LLTO_512",
        "(Li,La)TiO3, HAADF, TIFF",
        _CNMS,
        "e65032b6e53ee9ca6055be37a8f025d174b046e9",
        "data/LLTO_800.tif",
        "5675decb2cb76730db621f7c268fec21b338cbae5f8d26af4180d90c2cade57d",
        529_010,
        "modulated occupation of the A sites with a domain boundary",
    ),
    Sample(
        "stem_oxide_interface_rgb",
        "Perovskite interface, HAADF, RGB TIFF",
        _WORKSHOP,
        "2b3a2bdab06fc9c9b0872968562326f3c731cf14",
        "Data/16_55_31_256_256b.tif",
        "945fae5fffd66762de044f2cc265edd37a138f175b4f2e4cc7f3fe26ae9f9452",
        431_392,
        "two perovskites, exported as an RGB picture",
    ),
    Sample(
        "stem_Fe_grain-boundary",
        "Fe, grain boundary, HAADF, NPY",
        _AI4STEM,
        "4fd8ff54812a083859d659fb3bf7ca52e40d3189",
        "ai4stem/data/experimental_images/Fe_bcc_100.npy",
        "ec0c3a6ba3aba1e1d283ea651efe746e9cb3186091be9131bd39828c3201c80c",
        262_272,
        "two grains of bcc iron along [100]",
    ),
    Sample(
        "stem_Si110_dumbbells",
        "Si [110] dumbbells, HAADF, PNG",
        _SEGNET,
        "744a5ae519d24ade7b77ec612f93f962d27dd01e",
        "test_img/Si110_5nmX25us_03_none_none.png",
        "40832c41278b391aa27ed6f45fccee7dc689ce7284357418aef16f2c0a817258",
        217_654,
        "columns that overlap in pairs",
    ),
    Sample(
        "stem_TMD_Re_alloy_lzw",
        "TMD alloy with Re, HAADF, LZW TIFF",
        _PYCROSCOPY,
        "3fc9b4a9495353ca81705156c5979352d54d2af4",
        "sample_data/re48.tiff",
        "b087d2a1cd27652bd4b40eda5a0835bb9763319609866569dd2643195b0ab753",
        722_222,
        "distorted chains of heavy atoms, two brightnesses",
    ),
    Sample(
        "stem_MXene_Ti3C2_9HF_1536",
        "Ti3C2 MXene, HAADF, TIFF",
        _MXENE,
        "5eb4064bd59e3b28614fee133dab73a1b33f0fda",
        "data/images/9_1HF/1536_250408_MXenes_6mL_10.0Mx_20x1.0us_1024px_98mmCL_HAADF_n3_reg.tif",
        "c9e7312d4fad739e02b582eb819058aca1aaa74f761de77f844ee9aaaec42cb6",
        4_067_344,
        "a sheet with contamination and vacancies",
    ),
    Sample(
        "stem_graphene_Si_3frames",
        "Graphene with Si, 3 frames, MAADF, NPY",
        _WORKSHOP,
        "75eeacad687503c7c94aa1b2d803d4a239296227",
        "Data/STEM_real-test.npy",
        "1f3fb6f5f710326210f4b87f2bebfb2af568bf33fcd9c2c5224ca71c032205f5",
        1_572_992,
        "a silicon atom in graphene, three noisy frames",
    ),
    Sample(
        "tem_graphene_flower_raw",
        "Graphene, flower defect, HRTEM, TIFF",
        _TEMIMAGE,
        "461039f5b71d5d2c545a6edbd9a58b4519ad5cde",
        "AtomPos/tests/graphene_flower_raw.tif",
        "76ed98d6a3ecba11bcc2573eee1f6ebfcbf7ea709289dd7f5cc8a21084a4f3ea",
        274_562,
        "a closed grain boundary in graphene, beside adsorbates",
    ),
    Sample(
        "stem_Pt-single-atoms_038",
        "Pt single atoms on carbon, HAADF, TIFF",
        _SINGLE,
        "118c11dbe6dbb49525acd0221005742d08079288",
        "data/tif_data/038_HAADF_15nm_Sample_PtNC_21Oct20.tif",
        "9699c0bb12f72f4b301a60bc15b378150cdacaa419578993ddacd97a1f8336c4",
        1_049_152,
        "single Pt atoms on N-doped carbon, calibrated",
    ),
    Sample(
        "stem_Pt-single-atoms_051",
        "Pt single atoms on carbon, edge, HAADF, TIFF",
        _SINGLE,
        "118c11dbe6dbb49525acd0221005742d08079288",
        "data/tif_data/051_HAADF_15nm_Sample_PtNC_21Oct20.tif",
        "d7ceef2e90db2efd1afaf8808a0560cf1aeacac3aac217adf95eb2a54fbcd2c1",
        1_049_152,
        "single Pt atoms at the edge of the carbon, calibrated",
    ),
    Sample(
        "stem_Pt-porphyrin_1",
        "Pt porphyrin molecules, HAADF, TIFF",
        _PORPHYRIN,
        "a326dc1dfd3b8735317c70c9835c5a85d78e3bec",
        "Atom_Detection_Demo/data/tif_data/Ptporph1.tif",
        "a75c23afc3d6c2ff85e78122475bee952b491e748d258bace31aebccb39583c1",
        524_524,
        "single Pt atoms at very low signal",
    ),
    Sample(
        "edx_PTO-trilayer_maps",
        "DyScO3, HAADF with Sc, Dy, O maps, NPZ",
        _FUSED,
        "3e03dd23564f3fd1938226d42864c419b4aeccbd",
        "data/PTO_Trilayer_dataset.npz",
        "150cdc0a478791d258a900a89c02e4cae483c9010e227992097101eae3bcec81",
        2_098_122,
        "element maps with atomic resolution and the HAADF picture beside them",
    ),
    Sample(
        "eels_STO-film_SI",
        "Perovskite film, EELS spectrum image, DM3",
        _SCIFI,
        "eb72887bbeec1cbefaf54c5b2649fd3514c9406f",
        "data/microscopy/em/tem/DMReader_SpectrumImage_SI-EELS.dm3",
        "cd38e33895da5c58f411e83979376913276387d6aa6085834576f552f8bf8bfe",
        1_535_210,
        "49 × 6 spectra of 1024 channels, 0.5 eV each",
    ),
    Sample(
        "eels_STO-film_SI_HAADF",
        "Perovskite film, HAADF beside the EELS, DM3",
        _SCIFI,
        "1b0701af052e848f80118c83e5cde9cdcf84f34f",
        "data/microscopy/em/tem/DMReader_SI-HAADF.dm3",
        "f67ed49e930c10fcef0d0cdcdc9814c2c282ecb43629d0c45150073cf1dc1961",
        1_529_157,
        "HAADF recorded with the spectrum image, 32 times finer",
    ),
    Sample(
        "eels_STO-film_SI_survey",
        "Perovskite film, survey of the EELS, DM3",
        _SCIFI,
        "eb72887bbeec1cbefaf54c5b2649fd3514c9406f",
        "data/microscopy/em/tem/DMReader_Image_SI-Survey.dm3",
        "d9862b002252c99fff7c2325ed50a3030c6c164c1ac0b0cfa74b881094772e0f",
        1_651_507,
        "atoms of the film around the spectrum image",
    ),
    Sample(
        "eels_STO",
        "SrTiO3, one EELS spectrum, DM4",
        _SCIFI,
        "1b0701af052e848f80118c83e5cde9cdcf84f34f",
        "data/microscopy/em/tem/DMReader_EELS_STO.dm4",
        "027d027cf1352b438f7b370bb9418408bd58c5cc769fa51b968e19907df8a7de",
        332_796,
        "a single spectrum of 2048 channels, 0.25 eV each",
        layers=False,
    ),
    Sample(
        "eds_SrTiO3_velox",
        "SrTiO3, EDS of each detector, Velox EMD",
        _PYTEMLIB,
        "ccbb412305dcf4b7e9056d03c551ef50608d6b61",
        "example_data/EDS-STO.emd",
        "32f3df59f75fa50681561d808d25633dece62306d6dbc631c5c943f754c4ba9d",
        1_301_280,
        "EDS spectra of 4096 channels, 5 eV each",
        layers=False,
    ),
    Sample(
        "haadf_particles_velox",
        "Particles, HAADF, Velox EMD",
        _SCIFI,
        "eb72887bbeec1cbefaf54c5b2649fd3514c9406f",
        "data/microscopy/em/tem/EMDReader_Image_FEI.emd",
        "0a3c49f436d914a29a3801ce31448fbdfe4a5b82f2b9f3b71c736851f9ff0508",
        644_216,
        "particles in a field of 2.7 µm",
    ),
    Sample(
        "tem_nanoparticles_0",
        "Nanoparticles, bright field, PNG",
        _SINTERING,
        "7df06623fbb311028f984fe7697a763aa7f44d51",
        "notebooks/dataset/train/images/image_0.png",
        "f7fb422ba4001f630b9d6d2c000dc0dedb2617f4da63ff487ea770873fd3a327",
        290_645,
        "a frame of a video of sintering particles",
    ),
    Sample(
        "tem_nanoparticles_0_mask",
        "Nanoparticles, their mask, PNG",
        _SINTERING,
        "7df06623fbb311028f984fe7697a763aa7f44d51",
        "notebooks/dataset/train/labels/label_0.png",
        "c36044df89f8130476b8cd5f447f4e576df525271a8227dafce7d32f2f094a55",
        5_364,
        "the particles of that frame as its authors marked them",
    ),
    Sample(
        "stm_moire_10nm",
        "Moiré pattern, STM, Nanonis SXM",
        _PROBE,
        "0da92c80e107e1123ba42acd84c0d55577b7f6cb",
        "test_data/sxm_moire_10nm.sxm",
        "4ef90f3d982478f2456e2b4aacf36024d46805f28f4a82ac423e7c494d4e073b",
        413_651,
        "a moiré pattern in a field of 10 nm",
    ),
    Sample(
        "stm_molecular_lattice_20nm",
        "Molecular lattice, STM, Nanonis SXM",
        _G80,
        "b8d3b2545154e266ac8767f43ea8cf59200c6869",
        "ExampleData/example_LineProfile2.sxm",
        "ba8984702fdd1b195f004208b9f0104fc436e1d6a609676519d71773a3d8dff2",
        3_676_706,
        "molecules at a step in a field of 20 nm",
    ),
    Sample(
        "pfm_PTO110",
        "PbTiO3 (110) domains, PFM, Gwyddion",
        _SCIFI,
        "6ff6dd2c87cffbcfee4d23afd30e8be8568ad112",
        "data/microscopy/spm/afm/PTO_110_Virgin0001.gwy",
        "eb0bb8895a53bb53f6cc93471dbd4952ba31298d8317166c89efd72cc1a6c2d4",
        2_149_583,
        "ferroelectric domains in a field of 10 µm",
    ),
    Sample(
        "pfm_PTO_nsid",
        "PbTiO3 film, PFM, NSID",
        _TWIN,
        "77b0d53a9a5f01ffdccd271e1fd44a4dc1a0b29d",
        "data/AFM/PTO_Funakubo0006.h5",
        "458cab9d23d49ad7cb4452fb24ef44b1780cbf1923dbc052acc35c0b41da7566",
        1_344_736,
        "topography, amplitude and phase channels in a field of 5 µm",
    ),
    Sample(
        "pfm_domains_asylum",
        "Ferroelectric domains, PFM, Igor",
        _TWIN,
        "3825274e47d15bebb9e51a06cdc9d1988f49bb60",
        "notebooks/AFM/temp/scan_0001.ibw",
        "ab3dfc7c3ad6e9bbbcad326b397131ae4a524fab6dba0cb2b1c1fa09d4cb09a8",
        1_693_209,
        "six channels of dual-frequency PFM in a field of 5 µm",
    ),
)
"""In the order of the menu."""
